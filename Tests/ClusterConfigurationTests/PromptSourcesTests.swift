import Testing

@testable import ClusterConfiguration

@Suite struct PromptSourcesTests {
  private func sources(_ yaml: String, _ overrides: [String] = []) throws
    -> [RunConfiguration.Data.Source]
  {
    try RunConfiguration(yaml: "data: {prompts: \(yaml)}", source: "", overrides: overrides)
      .data.prompts
  }

  @Test func aPathIsAListOfOne() throws {
    #expect(try sources("a.txt") == [.init(path: "a.txt", weight: 1)])
    #expect(try sources("a.txt", ["data.prompts=2024"]) == [.init(path: "2024")])
    #expect(try sources("a.txt", ["data.prompts=b c.txt"]) == [.init(path: "b c.txt")])
    #expect(try sources("[a.txt]") == sources("a.txt"))
  }

  @Test func aListHoldsPathsAndWeights() throws {
    let expected: [RunConfiguration.Data.Source] = [
      .init(path: "a.txt", weight: 2), .init(path: "b.txt"),
    ]
    #expect(try sources("[{path: a.txt, weight: 2}, b.txt]") == expected)
    #expect(
      try sources("a.txt", ["data.prompts=[{weight: 2, path: a.txt}, {path: b.txt}]"]) == expected)
  }

  @Test func eachFormIsWrittenAndReadBackEqual() throws {
    for (yaml, written) in [
      ("a b.txt", "  prompts: \"a b.txt\"\n"), ("[a.txt]", "  prompts: a.txt\n"),
      ("[{path: a.txt, weight: 2}]", "  prompts:\n    - {path: a.txt, weight: 2}\n"),
      (
        "[a.txt, b.txt]",
        "  prompts:\n    - {path: a.txt, weight: 1}\n    - {path: b.txt, weight: 1}\n"
      ),
    ] {
      var configuration = RunConfiguration()
      configuration.data.prompts = try sources(yaml)
      #expect(configuration.yaml().contains("data:\n" + written), "\(yaml)")
      #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
    }
  }

  @Test(arguments: [
    (
      "{a: 1}",
      "must be a path, or a list of paths or of {path, weight} with weights from 1 to 1000, got a mapping"
    ),
    (
      "[]",
      "must be a path, or a list of paths or of {path, weight} with weights from 1 to 1000, got an empty list"
    ),
    (
      "[a.txt, {path: b.txt, weight: 0}]",
      "must be a path, or a list of paths or of {path, weight} with weights from 1 to 1000, got the "
        + "weight 0"
    ),
    (
      "[a.txt, a.txt]",
      "must be a path, or a list of paths or of {path, weight} with weights from 1 to 1000, got a.txt "
        + "twice"
    ),
    ("[a.txt, {weight: 2}]", "[1] must be {path: …, weight: …}, got a mapping without a path"),
    ("[[a.txt]]", "[0] must be {path: …, weight: …}, got a list"),
    (
      "[{path: a.txt, wieght: 2}]",
      "[0].wieght is not a known key; did you mean data.prompts[0].weight?"
    ),
    ("[{path: a.txt, weight: 1.5}]", "[0].weight must be an integer, got 1.5"),
    (
      "[{path: a.txt, folder: x}]",
      "[0].folder is not a known key; a file of prompts has a path and a weight"
    ),
    ("[3]", "[0] must be a path, got 3; put it in quotes"),
  ])
  func whatIsNoListOfFilesIsRefused(_ yaml: String, _ expected: String) {
    let error = #expect(throws: ConfigurationError.self) { try sources(yaml) }
    let separator = expected.hasPrefix("[") ? "" : " "
    #expect(error?.description == ":1: data.prompts\(separator)\(expected)")
  }
}
