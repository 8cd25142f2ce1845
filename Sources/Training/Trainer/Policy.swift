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
  /// Those of an epoch's prompts, which its trajectories keep in any case.
  private var contexts: [String: TextContext] = [:]
  /// Those of the negative prompts that were asked for last: most runs have a few.
  private var negativeContexts: [String: TextContext] = [:]

  private static let negativeContextLimit = 64

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

  /// The context of a prompt, computed once until ``forgetContexts()``.
  func context(of prompt: String) throws -> TextContext {
    if let context = contexts[prompt] { return context }
    let context = try withoutGradient { try model.encode(prompts: [prompt]) }
    contexts[prompt] = context
    return context
  }

  /// Frees the contexts of prompts, at the end of an epoch.
  func forgetContexts() { contexts = [:] }

  /// The context that guidance leads away from.
  ///
  /// - Parameter negative: The prompt's own; empty where it has none.
  func context(ofNegative negative: String) throws -> TextContext {
    guard !negative.isEmpty else { return emptyContext }
    if let context = negativeContexts[negative] { return context }
    let context = try withoutGradient { try model.encode(prompts: [negative]) }
    if negativeContexts.count >= Self.negativeContextLimit { negativeContexts.removeAll() }
    negativeContexts[negative] = context
    return context
  }

  /// The contexts that guidance leads away from in a batch: one for all where none has its own.
  func context(ofNegatives negatives: [String]) throws -> TextContext {
    guard negatives.contains(where: { !$0.isEmpty }) else { return emptyContext }
    return try .concatenated(negatives.map(context(ofNegative:)))
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
