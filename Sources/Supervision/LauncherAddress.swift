import ClusterConfiguration
import Foundation

/// Where a ``HeartbeatMonitor`` listens, as it stands in the environment of ranks:
/// `10.0.0.1,127.0.0.1:34567:token`.
public struct LauncherAddress: Sendable, Equatable, CustomStringConvertible {
  /// The environment variable.
  public static let variable = "PRDP_LAUNCHER"

  /// IPv4 addresses of the machine; a rank takes the first that answers.
  let addresses: [String]
  let port: UInt16
  /// What tells ranks of this start from anything else that may connect.
  let token: String

  /// The text for the environment.
  public var description: String { "\(addresses.joined(separator: ",")):\(port):\(token)" }

  init(addresses: [String], port: UInt16, token: String) {
    self.addresses = addresses
    self.port = port
    self.token = token
  }

  /// Reads the text; `nil` where it is none.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let port = UInt16(parts[1]), !parts[2].isEmpty else { return nil }
    let addresses = parts[0].split(separator: ",").map(String.init)
    guard !addresses.isEmpty, addresses.allSatisfy({ IPv4Address($0) != nil }) else { return nil }
    self.init(addresses: addresses, port: port, token: String(parts[2]))
  }

  /// A token that cannot be guessed.
  static func newToken() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in String(generator.next(), radix: 36) }.joined()
  }
}
