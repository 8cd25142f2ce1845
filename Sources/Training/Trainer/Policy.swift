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
  private let reference: Reference
  /// Those of an epoch's prompts, which its trajectories keep in any case.
  private let contexts: TextContexts
  private let negatives: NegativeContexts

  private enum Reference {
    case adaptersOff(LoRAAdapters)
    case frozenCopy(UNet2DConditionModel)
  }

  /// The policy that starts at `model`'s present weights, which are the reference's for good.
  init(_ model: StableDiffusionModel) throws {
    self.model = model
    contexts = TextContexts(of: model)
    negatives = try NegativeContexts(of: model)
    if let adapters = model.unetParameters.adapters {
      reference = .adaptersOff(adapters)
    } else {
      reference = .frozenCopy(try model.copyOfUNet())
    }
    try model.unetParameters.enableTraining()
  }

  /// The context of the empty prompt.
  var emptyContext: TextContext { negatives.empty }

  /// The context of a prompt, computed once until ``forgetContexts()``.
  func context(of prompt: String) throws -> TextContext { try contexts.context(of: prompt) }

  /// Frees the contexts of prompts, at the end of an epoch.
  func forgetContexts() { contexts.forget() }

  /// The context that guidance leads away from.
  ///
  /// - Parameter negative: The prompt's own; empty where it has none.
  func context(ofNegative negative: String) throws -> TextContext {
    try negatives.context(of: negative)
  }

  /// The contexts that guidance leads away from in a batch: one for all where none has its own.
  func context(ofNegatives negatives: [String]) throws -> TextContext {
    try self.negatives.context(ofBatch: negatives)
  }

  /// What an optimizer changes.
  var trainable: [Parameter] { model.unetParameters.trainable }

  /// The pre-trained network.
  var pretrained: any NoisePredictor {
    switch reference {
    case .adaptersOff(let adapters): NetworkWithoutAdapters(network: model.unet, adapters: adapters)
    case .frozenCopy(let unet): unet
    }
  }
}

/// A network as it was before its adapters.
private struct NetworkWithoutAdapters: NoisePredictor {
  let network: any NoisePredictor
  let adapters: LoRAAdapters

  func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws -> Tensor {
    try adapters.disabled { try network(sample, timesteps: timesteps, context: context) }
  }
}
