import Foundation
import TorchNN

extension ModelFolder {
  /// Makes a new folder with all of this one but the weights, for weights in float32: configurations,
  /// scheduler, tokenizers and `model_index.json`, which names no part that is not there.
  ///
  /// - Throws: ``ModelError`` where a file cannot be read or written.
  public func copyConfiguration(to other: String) throws {
    let parts = settingParts
    for part in parts {
      try ModelFolder(path: other).createFolder("\(other)/\(part)")
      for file in try settingFiles(of: part) {
        let isConfiguration = Network(rawValue: part) != nil && file == "config.json"
        let source = "\(path)/\(part)/\(file)"
        let data = isConfiguration ? try float32Configuration(source) : try contents(of: source)
        try data.write(to: URL(filePath: "\(other)/\(part)/\(file)"))
      }
    }
    guard FileManager.default.fileExists(atPath: index) else { return }
    try ModelFolder(path: other).write(indexOfParts(parts), to: ModelFolder(path: other).index)
  }

  /// The files beside the weights that make the model what it is, as paths below its folder, in
  /// their order: configurations, scheduler and tokenizers.
  public func settingFiles() throws -> [String] {
    let files = try settingParts.flatMap { part in
      try settingFiles(of: part).map { "\(part)/\($0)" }
    }
    let hasIndex = FileManager.default.fileExists(atPath: index)
    return (files + (hasIndex ? [(index as NSString).lastPathComponent] : [])).sorted()
  }

  private var settingParts: [String] {
    networks.map(\.rawValue) + ["scheduler"]
      + networks.filter(Network.textEncoders.contains).map {
        (tokenizer(of: $0) as NSString).lastPathComponent
      }
  }

  private func settingFiles(of part: String) throws -> [String] {
    // What a link points to, and not the link.
    let folder = URL(filePath: "\(path)/\(part)").resolvingSymlinksInPath()
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { file in
      ["json", "txt"].contains((file as NSString).pathExtension)
        && !file.contains(".safetensors.index.")
    }
  }

  /// A network's configuration, in which transformers notes the type that the weights had.
  private func float32Configuration(_ file: String) throws -> Data {
    let data = try contents(of: file)
    guard var object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw ModelError.unreadable(path: file, reason: "expected a JSON object")
    }
    let keys = ["dtype", "torch_dtype"].filter {
      object[$0] is String && object[$0] as? String != "float32"
    }
    guard !keys.isEmpty else { return data }
    for key in keys { object[key] = "float32" }
    return try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }

  /// `model_index.json` without the parts that are not among `parts`, such as a safety checker.
  private func indexOfParts(_ parts: [String]) throws(ModelError) -> [String: Any] {
    let found = try? JSONSerialization.jsonObject(with: contents(of: index))
    guard var object = found as? [String: Any] else {
      throw .unreadable(path: index, reason: "expected a JSON object")
    }
    for (name, value) in object where value is [Any] && !parts.contains(name) {
      object[name] = [NSNull(), NSNull()]
    }
    if object["requires_safety_checker"] != nil { object["requires_safety_checker"] = false }
    return object
  }

  func createFolder(_ folder: String) throws(ModelError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .unreadable(path: folder, reason: error.localizedDescription)
    }
  }

  func write(_ object: [String: Any], to file: String) throws {
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try data.write(to: URL(filePath: file))
  }
}
