// What reaches mpirun's command line reaches shells on other hosts too: ssh hands them one text, and
// Open MPI puts the values of --mca into it as they are. So each of these has the form of a name.

extension Rule where Value == [RunConfiguration.Cluster.Host] {
  static var hosts: Rule {
    Rule("a list of {name, slots} with distinct names") { hosts in
      if let bad = hosts.map(\.name).first(where: { !$0.isHostName }) {
        return "the name \"\(bad.shown)\" (letters, digits, . and -, a letter or digit first)"
      }
      if let host = hosts.first(where: { $0.slots < 1 }) { return "\(host.slots) slots" }
      // A sum could be too large for an Int.
      if hosts.contains(where: { $0.slots > Rule<Int>.countLimit })
        || hosts.reduce(0, { $0 + $1.slots }) > Rule<Int>.countLimit
      {
        return "more than \(Rule<Int>.countLimit) slots"
      }
      return hosts.map(\.name).complaintAboutRepeats
    }
  }
}

extension Rule where Value == String {
  static var network: Rule {
    Rule("the name of an interface or addresses such as 10.0.0.0/24") {
      $0.isInterfaceName || $0.isAddressRange
    }
  }
}

extension Rule where Value == String {
  /// The name of an environment variable.
  static var variableName: Rule {
    Rule("the name of an environment variable") { $0.isIdentifier }
  }
}

extension Rule where Value == [String] {
  /// Names of environment variables.
  static var variableNames: Rule {
    Rule("a list of distinct names of environment variables") { names in
      names.first { !$0.isIdentifier }.map { "\"\($0.shown)\"" } ?? names.complaintAboutRepeats
    }
  }
}

extension Rule where Value == [RunConfiguration.Cluster.MCASetting] {
  static var mcaSettings: Rule {
    Rule("a mapping from names of MCA parameters to values") { settings in
      if let bad = settings.first(where: { !$0.name.isIdentifier }) {
        return "the name \"\(bad.name.shown)\" (letters, digits and _)"
      }
      if let bad = settings.first(where: { !$0.value.isMCAValue }) {
        return "\(bad.name): \"\(bad.value.shown)\" (letters, digits and _ . , : / ^ + -)"
      }
      return settings.map(\.name).complaintAboutRepeats
    }
  }
}

extension String {
  fileprivate var isHostName: Bool {
    utf8.count <= 253 && utf8.first?.isLetterOrDigit == true && isMade(of: ".-")
  }

  /// As Linux has them; a name of digits and dots alone would be an address.
  fileprivate var isInterfaceName: Bool {
    utf8.count <= 15 && utf8.first?.isLetter == true && isMade(of: "_.-")
  }

  /// IPv4 addresses in CIDR form.
  fileprivate var isAddressRange: Bool {
    let parts = split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return false }
    let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers.allSatisfy { $0.isNumber(upTo: 255) }
      && parts[1].isNumber(upTo: 32)
  }

  fileprivate var isIdentifier: Bool {
    utf8.count <= 253 && utf8.first.map { $0.isLetter || $0 == UInt8(ascii: "_") } == true
      && isMade(of: "_")
  }

  fileprivate var isMCAValue: Bool { utf8.count <= 4096 && isMade(of: "_.,:/^+-") }

  /// Whether there are letters and digits of ASCII in this, `others`, and nothing else.
  private func isMade(of others: StaticString) -> Bool {
    others.withUTF8Buffer { others in
      utf8.allSatisfy { $0.isLetterOrDigit || others.contains($0) }
    }
  }
}

extension Substring {
  /// Whether this is a number from 0 to `limit` as a person writes it.
  fileprivate func isNumber(upTo limit: Int) -> Bool {
    Int(self).map { (0...limit).contains($0) && "\($0)" == self } ?? false
  }
}

extension UInt8 {
  fileprivate var isLetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }

  fileprivate var isLetterOrDigit: Bool {
    isLetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
  }
}
