import CTorch

/// Why a tensor operation failed.
public enum TensorError: Error, Equatable, CustomStringConvertible {
  /// The operation does not accept these operands.
  case invalid(operation: String, operands: [String], reason: String)
  /// The device's memory does not suffice. The operands are intact: a smaller batch may go on.
  case outOfMemory(operation: String, reason: String)

  /// The operation, what it was given, and libtorch's reason, in one line.
  public var description: String {
    switch self {
    case .invalid(let operation, let operands, let reason):
      return "\(operation)(\(operands.joined(separator: ", "))): \(reason)"
    case .outOfMemory(let operation, let reason):
      return "\(operation): out of memory: \(reason)"
    }
  }
}

/// Turns a status of the shim into a thrown error.
///
/// - Parameter operands: What the operation was given; evaluated only on failure.
func check(
  _ status: ct_status, _ operation: String, _ operands: @autoclosure () -> [Tensor] = []
) throws {
  switch status {
  case CT_OK:
    return
  case CT_OUT_OF_MEMORY:
    throw TensorError.outOfMemory(operation: operation, reason: lastErrorText())
  default:
    throw TensorError.invalid(
      operation: operation, operands: operands().map(\.summary), reason: lastErrorText())
  }
}

private func lastErrorText() -> String {
  // libtorch appends stack and scheduling notes after the first line.
  let text = String(cString: ct_last_error())
  return text.split(separator: "\n").first.map(String.init) ?? text
}
