/// Why parameters could not be loaded or used.
public enum NNError: Error, Equatable, CustomStringConvertible {
  /// A tensor that the model needs is absent.
  case missingTensor(name: String, source: String)
  /// Tensors that the model has no place for.
  case unexpectedTensors(names: [String], source: String)
  /// A tensor of another shape than the model's configuration implies.
  case wrongShape(name: String, expected: [Int], found: [Int], source: String)
  /// A LoRA target that names no layer of the model.
  case unmatchedTargets([String])

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .missingTensor(let name, let source):
      return "\(source): tensor \(name) is missing; is this the model its config.json describes?"
    case .unexpectedTensors(let names, let source):
      let shown = names.prefix(5).joined(separator: ", ")
      let rest = names.count > 5 ? " and \(names.count - 5) more" : ""
      return "\(source): the model has no place for \(shown)\(rest); does config.json fit the file?"
    case .wrongShape(let name, let expected, let found, let source):
      return "\(source): tensor \(name) has shape \(found), the model expects \(expected)"
    case .unmatchedTargets(let targets):
      return "no layer is named by LoRA target \(targets.joined(separator: ", ")); "
        + "a target is the end of a layer's path, such as to_q or to_out.0"
    }
  }
}
