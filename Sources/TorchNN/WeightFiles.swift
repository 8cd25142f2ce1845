import Foundation
import Safetensors

/// The safetensors files of one network in a folder: one, or several and an index that names them.
public struct WeightFiles: Sendable {
  private let folder: String
  private let name: String
  private let variant: String?

  /// The files whose names begin with `name`.
  ///
  /// - Parameter variant: The kind of files to take, such as `fp16`; `nil` for those without one in
  ///   their names.
  public init(folder: String, name: String, variant: String? = nil) {
    self.folder = folder
    self.name = name
    self.variant = variant
  }

  /// The path of each file.
  ///
  /// - Throws: ``ModelError`` where there are none.
  public func paths() throws(ModelError) -> [String] {
    let file = variant.map { "\(name).\($0).safetensors" } ?? "\(name).safetensors"
    if exists(file) { return ["\(folder)/\(file)"] }
    let ending = variant.map { "index.\($0).json" } ?? "index.json"
    let index = "\(name).safetensors.\(ending)"
    guard exists(index) else { throw absence(of: file) }
    let shards = try Set(JSONFile(path: "\(folder)/\(index)").texts("weight_map").values).sorted()
    for shard in shards where shard.contains("/") || !exists(shard) {
      throw .invalid(
        path: "\(folder)/\(index)", key: "weight_map", expected: "of files beside it",
        found: "\(shard), which is not there")
    }
    return shards.map { "\(folder)/\($0)" }
  }

  /// The files, open.
  public func open() throws -> [SafetensorsFile] {
    try paths().map { try SafetensorsFile(URL(filePath: $0)) }
  }

  private func exists(_ file: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(file)")
  }

  private func absence(of file: String) -> ModelError {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let variants = Set(found.compactMap(variant(of:)))
    let advice =
      if !variants.isEmpty {
        "there are weights of the variant \(variants.sorted().joined(separator: ", ")): "
          + "name it (model.variant, --variant)"
      } else if found.contains(where: { $0.hasSuffix(".bin") || $0.hasSuffix(".ckpt") }) {
        ".bin and .ckpt are refused, since reading them runs code: convert them with "
          + "save_pretrained of diffusers or transformers"
      } else {
        "weights must be in safetensors files"
      }
    return .unreadable(path: "\(folder)/\(file)", reason: "no such file; \(advice)")
  }

  /// `fp16` of `model.fp16.safetensors`, of its shards and of their index.
  private func variant(of file: String) -> String? {
    guard file.hasPrefix("\(name).") else { return nil }
    let parts = file.dropFirst(name.count + 1).split(separator: ".")
    switch parts.count {
    case 2 where parts[1] == "safetensors":
      return parts[0].split(separator: "-").first.map(String.init)
    case 4 where parts[0] == "safetensors" && parts[1] == "index": return String(parts[2])
    default: return nil
    }
  }
}
