extension LaunchCommand.Program {
  /// Where an option to resume takes its value from.
  private static let resume = "--resume"

  /// This, going on from the newest checkpoint whatever the arguments say.
  var resumingLatest: Self {
    var kept: [String] = []
    var isValue = false
    for argument in arguments {
      if !isValue, argument != Self.resume, !argument.hasPrefix(Self.resume + "=") {
        kept.append(argument)
      }
      isValue = !isValue && argument == Self.resume
    }
    return with(arguments: [Self.resume, "latest"] + kept)
  }

  /// This, going on from the newest checkpoint unless the arguments say otherwise.
  public var resumingByDefault: Self {
    let isStated = arguments.contains {
      $0 == Self.resume || $0.hasPrefix(Self.resume + "=")
    }
    return isStated ? self : with(arguments: [Self.resume, "latest"] + arguments)
  }

  /// This, with a further replacement for a value of the configuration.
  func setting(_ override: String) -> Self {
    var changed = self
    changed.overrides.append(override)
    return changed
  }

  private func with(arguments: [String]) -> Self {
    var changed = self
    changed.arguments = arguments
    return changed
  }
}
