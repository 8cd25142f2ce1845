/// Why a model folder could not be used.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  /// A file of the folder is absent or unreadable.
  case unreadable(path: String, reason: String)
  /// A file holds something else than expected.
  case invalid(path: String, key: String, expected: String, found: String)
  /// An option of the architecture that this implementation does not have.
  case unsupported(path: String, key: String, found: String, supported: String)
  /// Inputs that do not fit the model.
  case wrongInput(String)

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      return "\(path): \(reason)"
    case .invalid(let path, let key, let expected, let found):
      return "\(path): \(key) must be \(expected), found \(found)"
    case .unsupported(let path, let key, let found, let supported):
      return "\(path): \(key) is \(found), which is not supported; supported: \(supported)"
    case .wrongInput(let text):
      return text
    }
  }
}
