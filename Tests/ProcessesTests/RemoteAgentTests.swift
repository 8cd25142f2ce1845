import Foundation
import Testing

@testable import Processes

struct RemoteAgentTests {
  private static let agents: [(String, String?)] = [
    ("", "ssh"), ("::", "ssh"), (" ", "ssh"), ("ssh", "ssh"), ("/no/such:rsh -x:ssh", "rsh -x"),
    ("none : ssh", "ssh"), ("/no/such", nil),
  ]

  /// An environment whose PATH has programs of these names.
  private func withPrograms(_ names: [String], _ body: ([String: String]) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      .path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in names {
      try Data().write(to: URL(filePath: "\(folder)/\(name)"))
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(name)")
    }
    try body(["PATH": folder])
  }

  @Test(arguments: agents)
  func theFirstThatIsThereIsTaken(_ stated: String, _ expected: String?) throws {
    try withPrograms(["ssh", "rsh"]) { environment in
      let folder = environment["PATH"] ?? ""
      let agent = RemoteAgent(
        stated: nil,
        environment: environment.merging(["OMPI_MCA_plm_rsh_agent": stated]) { $1 })
      #expect(agent?.words.joined(separator: " ") == expected.map { "\(folder)/\($0)" })
      // What the configuration says comes first.
      let other = RemoteAgent(
        stated: stated, environment: environment.merging(["OMPI_MCA_plm_rsh_agent": "rsh"]) { $1 })
      #expect(stated.isEmpty || other == agent)
    }
  }

  @Test func onlySSHGetsItsOptions() throws {
    try withPrograms(["ssh", "rsh"]) { environment in
      let folder = environment["PATH"] ?? ""
      let ssh = try #require(RemoteAgent(stated: "ssh -F file", environment: environment))
      #expect(
        ssh.command("true", on: "h1", connectSeconds: 7) == [
          "\(folder)/ssh", "-F", "file", "-o", "BatchMode=yes", "-o", "ConnectTimeout=7", "h1",
          "true",
        ])
      let other = try #require(RemoteAgent(stated: "rsh", environment: environment))
      #expect(
        other.command("true", on: "h1", connectSeconds: 7) == ["\(folder)/rsh", "h1", "true"])
    }
  }
}
