import Diffusion
import StableDiffusion
import Torch
import TorchNN

/// The model being trained, and the pre-trained one it is compared with.
///
/// The reference shares what it can: with adapters it is the same network with these off, else a
/// frozen copy.
final class Policy {
  let model: StableDiffusionModel
  /// Of the empty prompt.
  let emptyContext: TextContext
  private let reference: Reference

  private enum Reference {
    case adaptersOff(LoRAAdapters)
    case frozenCopy(UNet2DConditionModel)
  }

  /// The policy that starts at `model`'s present weights, which are the reference's for good.
  init(_ model: StableDiffusionModel) throws {
    self.model = model
    emptyContext = try withoutGradient { try model.encodeEmptyPrompt() }
    if let adapters = model.unetParameters.adapters {
      reference = .adaptersOff(adapters)
    } else {
      reference = .frozenCopy(try model.copyOfUNet())
    }
    try model.unetParameters.enableTraining()
  }

  /// What an optimizer changes.
  var trainable: [Parameter] { model.unetParameters.trainable }

  /// The prediction of the reference policy, float64.
  func referencePrediction(
    _ sample: Tensor, timesteps: Tensor, _ conditioning: Conditioning
  ) throws -> Tensor {
    switch reference {
    case .adaptersOff(let adapters):
      return try adapters.disabled {
        try model.unet.guided(sample, timesteps: timesteps, conditioning)
      }
    case .frozenCopy(let unet):
      return try unet.guided(sample, timesteps: timesteps, conditioning)
    }
  }
}

extension Conditioning {
  /// The conditioning of `count` images of one prompt.
  init(context: TextContext, count: Int, emptyContext: TextContext, guidanceScale: Double) throws {
    self.init(
      context: try context.repeated(count), emptyContext: emptyContext,
      guidanceScale: guidanceScale)
  }
}
