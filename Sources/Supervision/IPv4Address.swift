import Foundation

/// An address of IP version 4.
struct IPv4Address: Sendable, Equatable, CustomStringConvertible {
  static let loopback = IPv4Address(number: 0x7F00_0001)
  static let any = IPv4Address(number: 0)

  /// The four bytes as one number, the first the highest.
  let number: UInt32

  init(number: UInt32) {
    self.number = number
  }

  /// Reads four numbers with dots; `nil` for anything else.
  init?(_ text: some StringProtocol) {
    var address = in_addr()
    guard inet_pton(AF_INET, String(text), &address) == 1 else { return nil }
    number = UInt32(bigEndian: address.s_addr)
  }

  var description: String {
    [24, 16, 8, 0].map { "\(number >> UInt32($0) & 255)" }.joined(separator: ".")
  }

  /// Whether it is one of `range`, such as 10.0.0.0/24.
  func isIn(_ range: String) -> Bool {
    let parts = range.split(separator: "/")
    guard parts.count == 2, let base = IPv4Address(parts[0]), let length = UInt32(parts[1]) else {
      return false
    }
    // A shift by all 32 bits gives 0.
    let mask = UInt32.max << (32 - length)
    return number & mask == base.number & mask
  }

  /// This, with a port, as the socket calls want it.
  func withSocketAddress<Result>(
    port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = number.bigEndian
    return withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// This machine's addresses, those that other machines may reach first.
  ///
  /// - Parameter network: An interface or a range that they must belong to; `nil` for any.
  static func ofThisMachine(on network: String? = nil) -> [IPv4Address] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var addresses: [IPv4Address] = []
    var entry = list
    while let interface = entry?.pointee {
      entry = interface.ifa_next
      guard let generic = interface.ifa_addr, generic.pointee.sa_family == sa_family_t(AF_INET),
        interface.ifa_flags & UInt32(IFF_UP) != 0
      else { continue }
      let address = generic.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        IPv4Address(number: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
      let isWanted =
        network.map { address.isIn($0) || String(cString: interface.ifa_name) == $0 } ?? true
      if isWanted { addresses.append(address) }
    }
    return addresses.sorted { !$0.isLoopback && $1.isLoopback }
  }

  /// The addresses that a name or an address in text stands for; none where it is not known.
  static func addresses(of host: String) -> [IPv4Address] {
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [IPv4Address] = []
    var entry = list
    while let info = entry?.pointee {
      entry = info.ai_next
      info.ai_addr?.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        addresses.append(IPv4Address(number: UInt32(bigEndian: $0.pointee.sin_addr.s_addr)))
      }
    }
    return addresses
  }

  var isLoopback: Bool { number >> 24 == 127 }
}
