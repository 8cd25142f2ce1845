import Diffusion
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

/// A model that scripts/golden/model_golden.py saved, with what diffusers makes of it.
enum GoldenModel: String, CaseIterable, CustomTestStringConvertible {
  /// Stable Diffusion 1's options: convolutions around attention, DDIM, attention in the autoencoder,
  /// the text encoder's keys without prefix.
  case twoLevels = "two-levels"
  /// Stable Diffusion 2's: linear layers, heads for each level, velocity, DDPM, the keys with prefix.
  case threeLevels = "three-levels"
  /// Stable Diffusion XL's: two text encoders, pooled features and sizes, EulerAncestralDiscrete, a
  /// level without attention first.
  case twoEncoders = "two-encoders"

  var testDescription: String { rawValue }

  var folder: ModelFolder {
    ModelFolder(path: Golden.fixtures.appending(path: "models/\(rawValue)").path)
  }

  func load(lora: LoRAConfiguration? = nil) throws -> StableDiffusionModel {
    try StableDiffusionModel(folder, lora: lora)
  }

  /// The context of the UNet's golden inputs, its features replaced where they are given.
  func context(_ golden: Golden, features: Tensor? = nil) throws -> TextContext {
    let addition =
      self == .twoEncoders
      ? TextContext.Addition(pooled: try golden("unet.pooled"), sizes: try golden("unet.sizes"))
      : nil
    return TextContext(features: try features ?? golden("unet.context"), addition: addition)
  }

  func golden() throws -> Golden { try Golden("models/\(rawValue).safetensors") }
}

/// How far one network may be from the golden. Both sides are float32 and the same libtorch, which
/// comes to some 1e-7; a wrong formula shows from 1e-3 on.
let networkTolerance = 1e-5
/// How far a run of ten guided steps may be, which amplify a rounding.
let runTolerance = 1e-4
