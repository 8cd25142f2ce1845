import Testing

@testable import MPI

struct MPIErrorTests {
  struct TextCase: Sendable, CustomTestStringConvertible {
    let error: MPIError
    let text: String
    var testDescription: String { text }
  }

  @Test(arguments: [
    TextCase(
      error: .call(operation: "MPI_Bcast", code: 15, text: "MPI_ERR_TRUNCATE"),
      text: "MPI_Bcast failed with MPI error 15: MPI_ERR_TRUNCATE"),
    TextCase(
      error: .threadLevel(requested: .multiple, provided: .single),
      text: "MPI gives thread level 'single', but 'multiple' is needed: "
        + "install an MPI library built with thread support"),
    TextCase(
      error: .finalised,
      text: "MPI was already finalised, and a process can use it once: put all work in one withMPI"
    ),
    TextCase(
      error: .unequalCounts(operation: "allGather", counts: [2, 1]),
      text: "allGather needs as many elements from each rank, got [2, 1] in rank order: "
        + "use allGatherV for uneven parts"),
    TextCase(
      error: .invalidText(operation: "broadcast"),
      text: "broadcast received bytes that are not UTF-8: all ranks must broadcast a string"),
  ])
  func anErrorSaysWhatWasExpectedAndWhatCame(_ textCase: TextCase) {
    #expect(textCase.error.description == textCase.text)
  }

  @Test func aFailedCallIsNamedWithMPIsOwnText() throws {
    _ = try joinTestWorld()
    let error = try #require(throws: MPIError.self) { try check(1, "MPI_Bcast") }
    guard case .call(let operation, let code, let text) = error else {
      Issue.record("expected a failed call, got \(error)")
      return
    }
    #expect(operation == "MPI_Bcast")
    #expect(code == 1)
    #expect(text.hasPrefix("MPI_ERR_BUFFER"), "\(text)")
  }

  @Test func successThrowsNothing() throws {
    try check(0, "MPI_Bcast")
  }

  @Test func threadLevelsRise() {
    #expect(MPIThreadLevel.allCases.sorted() == [.single, .funneled, .serialized, .multiple])
    #expect(MPIThreadLevel.allCases.map { MPIThreadLevel($0.code) } == MPIThreadLevel.allCases)
  }
}
