import ClusterConfiguration
import Testing

@testable import Supervision

@Suite struct LaunchCommandTests {
  static let program = LaunchCommand.Program(
    mpirun: "/usr/bin/mpirun", prdp: "/opt/prdp", configuration: "/home/a b/it's.yaml",
    overrides: ["run.output=/runs/\"x\" y"], arguments: ["--resume", "latest"],
    workingFolder: "/home/a b")

  private func command(
    _ change: (inout RunConfiguration.Cluster) -> Void, excluding: Set<String> = [],
    coreCount: Int = 2
  ) throws -> LaunchCommand {
    var cluster = RunConfiguration().cluster
    change(&cluster)
    return try LaunchCommand(
      Self.program, on: cluster, excluding: excluding, coreCount: coreCount,
      exporting: ["PRDP_LAUNCHER"])
  }

  private static let end = [
    "--wdir", "/home/a b", "/opt/prdp", "train", "--config", "/home/a b/it's.yaml", "--set",
    "run.output=/runs/\"x\" y", "--resume", "latest",
  ]

  @Test func withoutHostsAllRanksAreHere() throws {
    let command = try command { $0.slots = 2 }
    #expect(
      command.words == [
        "/usr/bin/mpirun", "-np", "2", "--bind-to", "none", "--map-by", "slot",
        "--use-hwthread-cpus",
      ] + Self.end)
    #expect(command.hosts == [nil, nil])
  }

  @Test func moreRanksThanCoresShareThem() throws {
    let words = try command({ $0.slots = 3 }).words
    #expect(words.contains("--oversubscribe"))
    #expect(try !command({ $0.slots = 3 }, coreCount: 3).words.contains("--oversubscribe"))
  }

  @Test func hostsAreNamedWithTheirSlotsAndWhatGoesBetweenThem() throws {
    let command = try command {
      $0.hosts = [.init(name: "h1", slots: 2), .init(name: "h2")]
      $0.network = "10.77.0.0/24"
      $0.environment = ["HF_HOME"]
      $0.mca = [.init(name: "pml", value: "ob1")]
    }
    #expect(
      command.words == [
        "/usr/bin/mpirun", "-np", "3", "--host", "h1:2,h2:1", "--bind-to", "none", "--map-by",
        "slot", "--mca", "oob_tcp_keepalive_time", "3", "--mca", "oob_tcp_keepalive_intvl", "1",
        "--mca", "oob_tcp_keepalive_probes", "3", "--mca", "btl_tcp_if_include", "10.77.0.0/24",
        "--mca", "oob_tcp_if_include", "10.77.0.0/24", "--mca", "pml", "ob1", "-x", "HF_HOME",
        "-x", "PRDP_LAUNCHER",
      ] + Self.end)
    #expect(command.hosts == ["h1", "h1", "h2"])
  }

  @Test func aHostThatIsLeftOutTakesItsRanksWithIt() throws {
    let command = try command(
      { $0.hosts = [.init(name: "h1", slots: 2), .init(name: "h2")] }, excluding: ["h1"])
    #expect(command.hosts == ["h2"])
    #expect(command.words[1...4] == ["-np", "1", "--host", "h2:1"])
    let error = #expect(throws: SupervisionError.self) {
      try self.command({ $0.hosts = [.init(name: "h1")] }, excluding: ["h1"])
    }
    #expect(
      error?.description
        == "cluster.hosts: expected a host that is left, found that all of them failed")
  }

  @Test(arguments: [":", "", "a\0b"])
  func aWordThatIsMoreThanAWordIsRefused(_ word: String) {
    #expect(throws: SupervisionError.self) {
      try LaunchCommand(
        .init(
          mpirun: "/m", prdp: "/p", configuration: "/c", overrides: [], arguments: [word],
          workingFolder: "/"), on: RunConfiguration().cluster, coreCount: 2)
    }
  }

  @Test func theCommandCanBePastedIntoAShell() throws {
    #expect(
      try command({ $0.slots = 1 }).shellText
        == "/usr/bin/mpirun -np 1 --bind-to none --map-by slot --use-hwthread-cpus --wdir "
        + "'/home/a b' /opt/prdp train --config '/home/a b/it'\\''s.yaml' --set "
        + "'run.output=/runs/\"x\" y' --resume latest")
  }

  @Test(arguments: [
    ([], ["--resume", "latest"]),
    (["--resume", "never"], ["--resume", "never"]),
    (["--resume=/a"], ["--resume=/a"]),
  ])
  func aLaunchGoesOnUnlessToldOtherwise(_ given: [String], _ expected: [String]) {
    #expect(withArguments(given).resumingByDefault.arguments == expected)
  }

  @Test(arguments: [
    (["--resume", "never"], ["--resume", "latest"]),
    (["--resume=/a", "--x"], ["--resume", "latest", "--x"]),
    (["--y", "--resume", "--resume", "z"], ["--resume", "latest", "--y", "z"]),
  ])
  func aRestartGoesOnWhateverWasSaid(_ given: [String], _ expected: [String]) {
    #expect(withArguments(given).resumingLatest.arguments == expected)
  }

  private func withArguments(_ arguments: [String]) -> LaunchCommand.Program {
    .init(
      mpirun: "", prdp: "", configuration: "", overrides: [], arguments: arguments,
      workingFolder: "")
  }
}
