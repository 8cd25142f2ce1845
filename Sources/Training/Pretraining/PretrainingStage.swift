import Scenes
import Torch
import TorchNN

/// A part of pre-training with a loss and an optimizer of its own.
protocol PretrainingStage {
  /// The stage's name in logs and checkpoints.
  var name: String { get }
  /// Scenes a step, over all ranks.
  var globalBatchCount: Int { get }
  /// Steps the trained parameters.
  var optimizer: AdamW { get }
  /// Follows the trained parameters; what is kept in the end.
  var average: ExponentialMovingAverage { get }
  /// The loss of a batch, a tensor with one element.
  func loss(_ batch: SceneBatch) throws -> Tensor
}

extension SceneBatch {
  /// The pictures as a tensor [B, 3, H, W].
  func pictureTensor(on device: Device) throws -> Tensor {
    let side = SceneRenderer.side
    return try Tensor(pictures, shape: [captions.count, 3, side, side]).to(device)
  }
}
