import Testing

@testable import ClusterConfiguration

/// What goes to mpirun, and through it to shells on other hosts.
@Suite struct ClusterTests {
  private func cluster(_ yaml: String) throws -> RunConfiguration.Cluster {
    try RunConfiguration(yaml: "cluster: {\(yaml)}", source: "cluster.yaml").cluster
  }

  @Test func hostsHaveNamesAndSlotsAndOneSlotWhereNoneIsStated() throws {
    let cluster = try cluster("hosts: [{name: node-1.lan, slots: 8}, {name: 10.0.0.7}]")
    #expect(cluster.hosts == [.init(name: "node-1.lan", slots: 8), .init(name: "10.0.0.7")])
    #expect(cluster.rankCount == 9)
    #expect(RunConfiguration.Cluster().rankCount == 2)
  }

  @Test func valuesOfMCASettingsMayBeNumbersAndTruths() throws {
    let cluster = try cluster("mca: {mpi_yield_when_idle: 1, mpi_show_mca_params: true, pml: ob1}")
    #expect(
      cluster.mca == [
        .init(name: "mpi_yield_when_idle", value: "1"),
        .init(name: "mpi_show_mca_params", value: "true"), .init(name: "pml", value: "ob1"),
      ])
  }

  @Test(arguments: [
    "eth0", "ib0.8001", "br-lan", "10.0.0.0/8", "192.168.1.0/24", "0.0.0.0/0", "255.255.255.255/32",
  ])
  func aNetworkIsAnInterfaceOrAddresses(_ network: String) throws {
    #expect(try cluster("network: \(network)").network == network)
  }

  static let refused: [(value: String, key: String, found: String)] = [
    ("[{name: -oProxyCommand=x}]", "hosts", "the name \"-oProxyCommand=x\""),
    ("[{name: \"a b\"}]", "hosts", "the name \"a b\""),
    ("[{name: $(touch canary)}]", "hosts", "the name \"$(touch canary)\""),
    ("[{name: \"h1:2\"}]", "hosts", "the name \"h1:2\""),
    ("[{name: \"h1;touch canary\"}]", "hosts", "the name \"h1;touch canary\""),
    ("[{name: user@h1}]", "hosts", "the name \"user@h1\""),
    ("[{name: hôte}]", "hosts", "the name \"hôte\""),
    ("[{name: \"\"}]", "hosts", "the name \"\""),
    ("[{name: a}, {name: a}]", "hosts", "a twice"),
    ("[{name: a, slots: 0}]", "hosts", "0 slots"),
    ("[{name: a, slots: -1}]", "hosts", "-1 slots"),
    ("[{name: a, slots: 1000001}]", "hosts", "more than 1000000 slots"),
    ("[{name: a, slots: 600000}, {name: b, slots: 600000}]", "hosts", "more than 1000000 slots"),
    (
      "node1, node2", "hosts",
      "node1, node2; write it as [{name: node1, slots: 1}, {name: node2, slots: 1}]"
    ),
    ("eth0:1", "network", "\"eth0:1\""),
    ("10.0.0.1", "network", "\"10.0.0.1\""),
    ("10.0.0.256/24", "network", "\"10.0.0.256/24\""),
    ("10.0.0.0/33", "network", "\"10.0.0.0/33\""),
    ("10.0.0/24", "network", "\"10.0.0/24\""),
    ("010.0.0.0/24", "network", "\"010.0.0.0/24\""),
    ("$(touch canary)", "network", "\"$(touch canary)\""),
    ("a-name-of-16-let", "network", "a-name-of-16-let"),
    ("[A=1]", "environment", "\"A=1\""),
    ("[\"A;B\"]", "environment", "\"A;B\""),
    ("[A, A]", "environment", "A twice"),
    ("[1A]", "environment", "\"1A\""),
    ("{btl: $(touch canary)}", "mca", "btl: \"$(touch canary)\""),
    ("{btl: \"`touch canary`\"}", "mca", "btl: \"`touch canary`\""),
    ("{btl: \"self tcp\"}", "mca", "btl: \"self tcp\""),
    ("{btl: \"a;b\"}", "mca", "btl: \"a;b\""),
    ("{\"-x\": a}", "mca", "the name \"-x\""),
    ("{\"a b\": a}", "mca", "the name \"a b\""),
  ]

  @Test(arguments: refused)
  func whatAShellOrMpirunCouldTakeForMoreIsRefused(
    _ value: String, _ key: String, _ found: String
  ) {
    let text = errorText("cluster:\n  \(key): \(value)")
    #expect(text.hasPrefix("cluster.yaml:2: cluster.\(key) must be "), "\(text)")
    #expect(text.contains(", got \(found)"), "\(text)")
  }

  @Test func faultsOfAHostAndOfAnMCASettingAreNamedAtTheirPlace() {
    #expect(
      errorText("cluster:\n  hosts:\n  - name: a\n    slot: 1\n  - slots: 2\n  - b\n") == """
        cluster.yaml:4: cluster.hosts[0].slot is not a known key; did you mean cluster.hosts[0].slots?
        cluster.yaml:5: cluster.hosts[1] must be {name: …, slots: …}, got a mapping without a name
        cluster.yaml:6: cluster.hosts[2] must be {name: …, slots: …}, got b
        """)
    #expect(
      errorText("cluster:\n  mca:\n    btl: [self]\n    pml: null\n") == """
        cluster.yaml:3: cluster.mca.btl must be a text or a number, got a list
        cluster.yaml:4: cluster.mca.pml must be a text or a number, got null
        """)
  }
}
