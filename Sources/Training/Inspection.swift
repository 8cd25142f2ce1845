import ClusterConfiguration
import Foundation
import Safetensors
import StableDiffusion
import TorchNN

/// What a model folder, a safetensors file or a checkpoint holds.
public struct Inspection: Encodable {
  /// What it is, in a few words.
  public let kind: String
  /// Facts about the whole, by name.
  public private(set) var facts: [String: String] = [:]
  /// Its files with tensors.
  public private(set) var parts: [Part] = []

  /// A file with tensors.
  public struct Part: Encodable {
    /// The file's path below what is inspected.
    public let file: String
    /// Tensors in it.
    public let tensorCount: Int
    /// Elements of all of them.
    public let parameterCount: Int
    /// The types of the elements, each once.
    public let dtypes: [String]
    /// The file's length.
    public let byteCount: Int
    /// The SHA-256 of its bytes, in hexadecimal.
    public let sha256: String
  }

  /// Opens what is at `path`, and reads all of it for the hashes.
  ///
  /// - Parameter variant: The kind of weight files of a model folder, such as `fp16`.
  /// - Throws: ``TrainingError``, `ModelError` or a file's error.
  public init(_ path: String, variant: String? = nil) throws {
    func exists(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: "\(path)/\(name)")
    }
    if exists(CheckpointManifest.fileName) {
      kind = "a checkpoint"
      try inspectCheckpoint(path)
    } else if exists("unet") || exists("model_index.json") {
      kind = "a model in diffusers' format"
      try inspectModel(ModelFolder(path: path, variant: variant))
    } else if (path as NSString).pathExtension == "safetensors" {
      kind = "a safetensors file"
      try inspectFile(path)
    } else {
      throw TrainingError(
        path, expected: "a model folder, a checkpoint or a safetensors file",
        found: FileManager.default.fileExists(atPath: path) ? "something else" : "nothing")
    }
  }

  private mutating func inspectCheckpoint(_ path: String) throws {
    let checkpoint = try Checkpoint(path: path)
    facts["step"] = "\(checkpoint.step)"
    // Pre-training saves another state.
    if checkpoint.holds("trained") {
      let state = try checkpoint.state(as: TrainingState.self)
      facts["epoch"] = "\(state.epoch)"
      facts["images"] = "\(state.imageCount)"
      facts["model SHA-256"] = state.modelSHA256
      let configuration = try RunConfiguration(yaml: state.configuration, source: path)
      facts["model"] = configuration.model.path
      facts["training"] = configuration.model.training.rawValue
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    for name in names where name.hasSuffix(".safetensors") {
      parts.append(try Part("\(path)/\(name)", name: name))
    }
  }

  private mutating func inspectModel(_ folder: ModelFolder) throws {
    for network in folder.networks {
      for file in try folder.weightFiles(of: network) {
        let name = "\(network.rawValue)/\((file as NSString).lastPathComponent)"
        parts.append(try Part(file, name: name))
      }
    }
  }

  private mutating func inspectFile(_ path: String) throws {
    let file = try SafetensorsFile(URL(filePath: path))
    let ends = [".lora_A.weight": "diffusers", ".lora_down.weight": "Kohya"]
    for (end, layout) in ends {
      let downs = file.names.filter { $0.hasSuffix(end) }
      guard !downs.isEmpty else { continue }
      facts["LoRA layout"] = layout
      facts["adapters"] = "\(downs.count)"
      let ranks = Set(downs.compactMap { file.info($0)?.shape.first }).sorted()
      facts["rank"] = ranks.map(String.init).joined(separator: ", ")
    }
    for (key, value) in file.metadata { facts["metadata \(key)"] = value }
    parts.append(try Part(path, name: (path as NSString).lastPathComponent))
  }
}

extension Inspection.Part {
  fileprivate init(_ path: String, name: String) throws {
    let file = try SafetensorsFile(URL(filePath: path))
    let infos = file.names.compactMap { file.info($0) }
    let bytes = try RegularFile(path)
    self.init(
      file: name, tensorCount: infos.count,
      parameterCount: infos.reduce(0) { $0 + $1.shape.reduce(1, *) },
      dtypes: Set(infos.map { "\($0.dtype)" }).sorted(), byteCount: bytes.byteCount,
      sha256: try bytes.sha256())
  }
}
