import ClusterConfiguration
import Foundation
import MPI
import StableDiffusion
import Torch

/// A model with weights on top, and what tells both from others.
struct EvaluatedModel {
  let model: StableDiffusionModel
  let folder: ModelFolder
  /// The SHA-256 of the model's weights, those on top apart.
  let sha256: String
  /// The checkpoint or the file of adapters on top; `nil` for none.
  let weightsPath: String?
  /// What the checkpoint's COMMIT says, or the SHA-256 of the file; `nil` for none.
  let weightsSHA256: String?

  /// Loads a model.
  ///
  /// - Parameters:
  ///   - weights: What ``EvaluationRun/Weights/resolved(_:)`` returned.
  ///   - modelPath: Where the model is, if not where the configuration or the run has it.
  init(
    _ configuration: RunConfiguration, _ weights: EvaluationRun.Weights, modelPath: String?,
    device: Device
  ) throws {
    let dtype = DType(named: configuration.model.dtype)
    let folder = ModelFolder(
      path: modelPath ?? configuration.model.path, variant: configuration.model.variant)
    switch weights {
    case .checkpoint(let path):
      // Rank 0 has just read all of it.
      let checkpoint = try Checkpoint(path: path, awaitsNames: true, verification: .whenUsed)
      let trained = try TrainedModel(
        checkpoint, modelPath: modelPath, device: device, dtype: dtype)
      (model, self.folder, sha256) = (trained.model, trained.folder, trained.sha256)
      (weightsPath, weightsSHA256) = (path, checkpoint.commitSHA256)
    case .adapters(let path):
      model = try StableDiffusionModel(
        folder, device: device, dtype: dtype, loraFile: URL(filePath: path))
      (self.folder, sha256) = (folder, try folder.weightsSHA256())
      (weightsPath, weightsSHA256) = (path, try RegularFile(path).sha256())
    case .none:
      model = try StableDiffusionModel(folder, device: device, dtype: dtype)
      (self.folder, sha256) = (folder, try folder.weightsSHA256())
      (weightsPath, weightsSHA256) = (nil, nil)
    }
  }

  /// What has to be the same on all ranks, by a name for it.
  func fingerprints() throws -> [(name: String, content: String)] {
    [
      ("model", sha256), ("settings of the model", try folder.settingsSHA256()),
      ("checkpoint or adapters", weightsSHA256 ?? ""),
    ]
  }
}

extension EvaluationRun.Weights {
  /// These with a checkpoint in place of a run: the newest that rank 0 finds, as a run at work soon has
  /// another. Collective.
  func resolved(_ communicator: Communicator) throws -> Self {
    guard case .checkpoint(let path) = self else { return self }
    let isFirst = communicator.rank == 0
    let found = try communicator.agreed {
      isFirst ? try TrainedModel.checkpoint(at: path).path : nil
    }
    return .checkpoint(path: try communicator.broadcast(found))
  }
}
