import Foundation
import TorchNN

/// The places of a model's files in diffusers' layout.
public struct ModelFolder: Sendable {
  /// The folder that holds `model_index.json`.
  public let path: String

  /// The folders that every model has.
  static let parts = ["unet", "vae", "text_encoder", "tokenizer", "scheduler"]

  /// The layout below `path`.
  public init(path: String) {
    self.path = path
  }

  var index: String { "\(path)/model_index.json" }
  var tokenizer: String { "\(path)/tokenizer" }
  var schedulerConfiguration: String { "\(path)/scheduler/scheduler_config.json" }
  var textEncoderConfiguration: String { "\(path)/text_encoder/config.json" }
  var textEncoderWeights: String { "\(path)/text_encoder/model.safetensors" }
  var unetConfiguration: String { "\(path)/unet/config.json" }
  var unetWeights: String { "\(path)/unet/diffusion_pytorch_model.safetensors" }
  var autoencoderConfiguration: String { "\(path)/vae/config.json" }
  var autoencoderWeights: String { "\(path)/vae/diffusion_pytorch_model.safetensors" }

  /// The files that hold weights, which with their configurations make the model what it is.
  public var weightFiles: [String] { [textEncoderWeights, unetWeights, autoencoderWeights] }

  /// Refuses a folder that is not there or lacks a part.
  func requireParts() throws(ModelError) {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw .unreadable(
        path: path,
        reason: "no such model folder; model.path must name a folder in diffusers' "
          + "layout with unet, vae, text_encoder, tokenizer and scheduler")
    }
    for part in Self.parts {
      guard manager.fileExists(atPath: "\(path)/\(part)", isDirectory: &isFolder),
        isFolder.boolValue
      else {
        throw .unreadable(
          path: path,
          reason: "has no folder \(part); is it a Stable Diffusion model in "
            + "diffusers' layout?")
      }
    }
    for file in weightFiles where !manager.fileExists(atPath: file) {
      throw .unreadable(
        path: file,
        reason: "no such file; weights must be in safetensors files "
          + "(.bin and .ckpt are refused: convert them with diffusers' save_pretrained)")
    }
  }

  func contents(of file: String) throws(ModelError) -> Data {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw .unreadable(path: file, reason: "no such file, or not readable")
    }
    return data
  }
}
