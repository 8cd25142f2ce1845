import ClusterConfiguration
import Foundation
import Safetensors
import StableDiffusion
import Torch
import TorchNN

/// What a run has learnt, in the files that other programs load. All of it is read back after it was
/// written, and has its name only then.
public struct Export {
  private let checkpoint: Checkpoint
  private let folder: ModelFolder
  private let model: StableDiffusionModel

  /// Loads a checkpoint, the average of its weights where it has one, and the model that it was
  /// trained from, in float32: what is learnt is lost in fewer digits.
  ///
  /// - Parameters:
  ///   - path: A checkpoint, or the folder of a run, whose newest is taken.
  ///   - modelPath: Where the model is now; where the run had it by default.
  /// - Throws: ``TrainingError`` where the checkpoint or the model is not that of the run.
  public init(_ path: String, modelPath: String? = nil) throws {
    let trained = try TrainedModel(TrainedModel.checkpoint(at: path), modelPath: modelPath)
    (checkpoint, folder, model) = (trained.checkpoint, trained.folder, trained.model)
  }

  /// Whether the run trained adapters, and not all of the UNet.
  public var hasAdapters: Bool { model.unetParameters.adapters != nil }

  /// Writes the adapters to a new file below `output` in each layout.
  ///
  /// - Returns: The files' paths.
  /// - Throws: ``TrainingError`` where the run trained all of the UNet, or a file is there already.
  public func writeAdapters(to output: String) throws -> [String] {
    guard let adapters = model.unetParameters.adapters else {
      throw TrainingError(
        checkpoint.path, expected: "a run with model.training: lora", found: "full",
        advice: "export the whole model")
    }
    let files = LoRAFile.Layout.allCases.map { ($0, "\(output)/\($0.fileName)") }
    for (_, file) in files { try requireNothing(at: file) }
    try RunFolder.makeFolder(output, advice: "choose another --output")
    try write(to: files.map(\.1)) { partials in
      for ((layout, _), partial) in zip(files, partials) {
        try LoRAFile.write(adapters, as: layout, to: URL(filePath: partial))
        try check(partial, holds: adapters)
      }
    }
    return files.map(\.1)
  }

  /// Writes the model with what was learnt as a new folder in diffusers' layout, in float32.
  ///
  /// - Throws: ``TrainingError`` where something is there already.
  public func writeModel(to output: String) throws {
    let output = output.count > 1 ? output.replacing(/\/+$/, with: "") : output
    try requireNothing(at: output)
    try write(to: [output]) { partials in
      let target = ModelFolder(path: partials[0])
      try folder.copyConfiguration(to: target.path)
      for (network, store) in model.stores {
        try store.writeMerged(to: URL(filePath: target.weights(of: network)))
      }
      let found = try StableDiffusionModel(target)
      for ((network, store), (_, foundStore)) in zip(model.stores, found.stores) {
        for (parameter, found) in zip(store.parameters, foundStore.parameters) {
          try check(
            found.tensor, equals: store.merged(parameter), parameter.name,
            in: target.weights(of: network))
        }
      }
    }
  }

  /// Calls `body` with the paths of what to write, which then takes its names.
  private func write(to paths: [String], _ body: (_ partials: [String]) throws -> Void) throws {
    let partials = paths.map { "\($0).partial-\(getpid())" }
    let manager = FileManager.default
    do {
      try body(partials)
      for (partial, path) in zip(partials, paths) {
        try manager.moveItem(atPath: partial, toPath: path)
      }
    } catch {
      for partial in partials { try? manager.removeItem(atPath: partial) }
      throw error
    }
  }

  private func requireNothing(at path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    throw TrainingError(
      path, expected: "nothing yet", found: "something that is there",
      advice: "remove it first, or choose another --output")
  }

  private func check(_ path: String, holds adapters: LoRAAdapters) throws {
    let file = try SafetensorsFile(URL(filePath: path))
    let layers = model.unetParameters.layers
    let found = try LoRAFile.configuration(of: file, layers: layers)
    let expected = adapters.configuration
    // Files in Kohya's layout hold it in float32.
    guard found.rank == expected.rank, Float(found.alpha) == Float(expected.alpha) else {
      throw damaged(path, "rank \(expected.rank) and alpha \(expected.alpha)")
    }
    let tensors = try LoRAFile.tensors(of: file, layers: layers)
    for parameter in adapters.parameters {
      guard let tensor = tensors[parameter.name] else { throw damaged(path, parameter.name) }
      try check(tensor, equals: parameter.tensor, parameter.name, in: path)
    }
  }

  private func check(_ found: Tensor, equals expected: Tensor, _ name: String, in path: String)
    throws
  {
    func bytes(_ tensor: Tensor) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: tensor.count * tensor.dtype.byteCount)
      try bytes.withUnsafeMutableBytes { try tensor.copy(to: $0) }
      return bytes
    }
    guard try bytes(found) == bytes(expected) else { throw damaged(path, name) }
  }

  private func damaged(_ path: String, _ what: String) -> TrainingError {
    TrainingError(
      path, expected: "\(what) as it was written", found: "something else",
      advice: "is the disk sound?")
  }
}
