import Foundation
import MPI
import RankChecks

@testable import Training

/// A folder that all ranks know, with a file of `lines`; rank 0 makes it.
private func folder(_ world: Communicator, lines: String) throws -> String {
  let name = FileManager.default.temporaryDirectory.appending(path: "prompts-\(UUID())").path
  let folder = try world.broadcast(world.rank == 0 ? name : nil)
  try world.agreed {
    guard world.rank == 0 else { return }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try Data(lines.utf8).write(to: URL(filePath: "\(folder)/a.txt"))
  }
  return folder
}

private func store(
  _ folder: String, judge: @escaping (String) throws -> Void = { _ in }
) -> PromptIndexStore {
  var store = PromptIndexStore(
    paths: ["\(folder)/a.txt"], folder: "\(folder)/indexes", tokenizer: nil, judgesName: "",
    judge: judge)
  store.smallByteCount = 0
  return store
}

let promptChecks = [
  RankCheck("oneRankReadsThePromptsForAll") { world, findings in
    let lines = (0..<1000).map { "prompt \($0)\n" }.joined()
    let folder = try folder(world, lines: lines)
    for isFirst in [true, false] {
      var readCount: Int64 = 0
      let result = try store(folder) { _ in readCount += 1 }.obtain(world)
      let total = try world.allReduce(readCount, by: .sum)
      findings.expect(total, equals: isFirst ? 1000 : 0, "prompts read over all ranks")
      findings.expect(
        result.remarks.isEmpty, equals: !(isFirst && world.rank == 0), "\(result.remarks)")
      let prompts = try TrainingPrompts(result.index, weights: [1], seed: 3)
      let texts = try (0..<20).map { try prompts.prompt(at: $0).text }.joined(separator: ",")
      findings.expect(
        try world.broadcast(world.rank == 0 ? texts : nil), equals: texts, "the order")
    }
    try world.barrier()
    if world.rank == 0 { try FileManager.default.removeItem(atPath: folder) }
  },
  RankCheck("aPromptThatIsRefusedEndsAllRanks") { world, findings in
    let folder = try folder(world, lines: "one\ntwo\n")
    do {
      _ = try store(folder) { text in
        guard text == "two" else { return }
        throw TrainingError("the prompt", expected: "another", found: text)
      }.obtain(world)
      findings.expect("an index", equals: "a failure", "outcome")
    } catch let failure as AgreedFailure {
      let text = "prompt 2 of \(folder)/a.txt: expected another, found two"
      findings.expect(failure.causes.map(\.message), equals: [text], "messages")
    }
    try world.barrier()
    if world.rank == 0 { try FileManager.default.removeItem(atPath: folder) }
  },
]
