import ClusterConfiguration
import Foundation
import StableDiffusion
import Torch
import TorchNN

/// A model with what a run has learnt in it.
struct TrainedModel {
  let checkpoint: Checkpoint
  /// The model that the run started from.
  let folder: ModelFolder
  /// The SHA-256 of its weights.
  let sha256: String
  let model: StableDiffusionModel

  /// Loads what a checkpoint holds, the average of its weights where it has one, and the model that it
  /// was trained from.
  ///
  /// - Parameter modelPath: Where the model is now; where the run had it by default.
  /// - Throws: ``TrainingError`` where the checkpoint or the model is not that of the run.
  init(
    _ checkpoint: Checkpoint, modelPath: String? = nil, device: Device = .cpu,
    dtype: DType = .float32
  ) throws {
    self.checkpoint = checkpoint
    let state = try checkpoint.state(as: TrainingState.self)
    let configuration = try RunConfiguration(
      yaml: state.configuration, source: "\(checkpoint.path)/\(Checkpoint.stateName)", for: .scoring
    )
    folder = ModelFolder(
      path: modelPath ?? configuration.model.path, variant: configuration.model.variant)
    guard FileManager.default.fileExists(atPath: folder.path) else {
      throw TrainingError(
        folder.path, expected: "the model that the run started from", found: "no such folder",
        advice: "name the folder with --model")
    }
    model = try StableDiffusionModel(
      folder, device: device, dtype: dtype, lora: LoRAConfiguration(configuration.model))
    sha256 = try folder.weightsSHA256()
    guard sha256 == state.modelSHA256 else {
      throw TrainingError(
        folder.path, expected: "the model that the run started from",
        found: "one with other weights", advice: "name its folder with --model")
    }
    let group = configuration.optimizer.averageDecay == nil ? "trained" : "average"
    try checkpoint.load(group, into: model.unetParameters.trainable)
  }

  /// A checkpoint, verified: the one at `path`, or the newest of the run whose folder that is.
  ///
  /// - Throws: ``TrainingError`` where there is none.
  static func checkpoint(at path: String) throws -> Checkpoint {
    func exists(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: "\(path)/\(name)")
    }
    if exists(Checkpoint.commitName) { return try Checkpoint(path: path) }
    guard exists("checkpoints") else {
      throw TrainingError(
        path, expected: "the folder of a run, or a checkpoint", found: "neither",
        advice: "it is run.output of the run, or a folder in checkpoints/ there")
    }
    let store = CheckpointStore(folder: RunFolder.checkpoints(in: path), warn: { _ in })
    guard let newest = try store.newestValidAsItIs() else {
      throw TrainingError(
        "\(path)/checkpoints", expected: "a checkpoint that is whole", found: "none")
    }
    return newest
  }
}
