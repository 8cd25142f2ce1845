/// Why parameters could not be loaded or used.
public enum NNError: Error, Equatable, CustomStringConvertible {
  /// A tensor that the model needs is absent.
  case missingTensor(name: String, expected: [Int], source: String)
  /// Tensors that the model has no place for, with their shapes.
  case unexpectedTensors([String: [Int]], source: String)
  /// A tensor of a type that is not supported.
  case unsupportedType(name: String, type: String, source: String)
  /// A tensor of another shape than the model's configuration implies.
  case wrongShape(name: String, expected: [Int], found: [Int], source: String)
  /// A LoRA target that names no layer of the model.
  case unmatchedTargets([String])

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .missingTensor(let name, let expected, let source):
      return "\(source): tensor \(name) \(expected) is missing; is the file for this model?"
    case .unsupportedType(let name, let type, let source):
      return "\(source): tensor \(name) is of type \(type), which is not supported"
    case .unexpectedTensors(let shapes, let source):
      let shown = shapes.sorted { $0.key < $1.key }.prefix(5).map { "\($0.key) \($0.value)" }
        .joined(separator: ", ")
      let rest = shapes.count > 5 ? " and \(shapes.count - 5) more" : ""
      return "\(source): the model has no place for \(shown)\(rest); does config.json fit the file?"
    case .wrongShape(let name, let expected, let found, let source):
      return "\(source): tensor \(name) has shape \(found), the model expects \(expected)"
    case .unmatchedTargets(let targets):
      return "no layer is named by LoRA target \(targets.joined(separator: ", ")); "
        + "a target is the end of a layer's path, such as to_q or to_out.0"
    }
  }
}
