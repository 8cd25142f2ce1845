import CMPI

/// What MPI could not do, on this rank.
///
/// Nothing says that other ranks saw the same, so a rank that cannot handle one lets it leave
/// ``withMPI(threadLevel:_:)``, which aborts every rank.
public enum MPIError: Error, Equatable, CustomStringConvertible {
  /// An MPI call returned the error `code`, of which MPI says `text`.
  case call(operation: String, code: Int, text: String)
  /// The MPI library does not support the way threads are to use it.
  case threadLevel(requested: MPIThreadLevel, provided: MPIThreadLevel)
  /// MPI was finalised in this process, which cannot be undone.
  case finalised
  /// A collective that wants as many elements of each rank got these counts, in rank order.
  case unequalCounts(operation: String, counts: [Int])
  /// Fewer elements came than were to be received.
  case shortMessage(operation: String, expected: Int, received: Int)
  /// A broadcast text was not UTF-8.
  case invalidText(operation: String)

  /// One sentence: what was expected, what came, what to do.
  public var description: String {
    switch self {
    case .call(let operation, let code, let text):
      "\(operation) failed with MPI error \(code): \(text)"
    case .threadLevel(let requested, let provided):
      "MPI gives thread level '\(provided.rawValue)', but '\(requested.rawValue)' is needed: "
        + "install an MPI library built with thread support"
    case .finalised:
      "MPI was already finalised, and a process can use it once: put all work in one withMPI"
    case .unequalCounts(let operation, let counts):
      "\(operation) needs as many elements from each rank, got \(counts) in rank order: "
        + "use allGatherV for uneven parts"
    case .shortMessage(let operation, let expected, let received):
      "\(operation) expected \(expected) elements, received \(received): both ranks must name the "
        + "same number"
    case .invalidText(let operation):
      "\(operation) received bytes that are not UTF-8: all ranks must broadcast a string"
    }
  }
}

/// Throws what MPI says of `code` unless it is success.
///
/// - Source: MPI 3.1, section 8.3 (`MPI_Error_string`).
func check(_ code: CInt, _ operation: String) throws(MPIError) {
  guard code != 0 else { return }
  var text = [CChar](repeating: 0, count: cmpi_error_string_capacity)
  var length: CInt = 0
  let known = cmpi_error_string(code, &text, &length) == 0
  throw .call(
    operation: operation, code: Int(code),
    text: known ? decode(text, length: length) : "a code that MPI has no text for")
}

/// Returns the first `length` characters of a C buffer.
func decode(_ characters: [CChar], length: CInt) -> String {
  String(decoding: characters.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}
