import Diffusion
import Foundation
import PRDP
import Torch
import TorchNN

// Shapes: N prompts, B trajectories of each, T sampling steps, S trained ones, C latent channels, h w
// rows and columns of the latents, L D context length and features, P pooled features.

/// Writes everything of one optimiser step to a folder, as safetensors and JSON, so that anyone can
/// compute it again.
///
///     step.json                    what each tensor is, with its shape; all settings; the loss
///     step.safetensors             trajectories, noises, log-probabilities, rewards, weights, ...
///     gradient.safetensors         the averaged gradient, under the trained parameters' names
///     unet-before.safetensors      the UNet, under diffusers' names; likewise unet-after
///     adapters-before.safetensors  with LoRA alone; likewise adapters-after
///     optimizer-before.safetensors AdamW's moments and counters; likewise optimizer-after
final class StepDump {
  let folder: String
  /// Whether all files are there.
  private(set) var isWritten = false
  private var entries: [StepRecord.Entry] = []

  static let recordName = "step.json"
  private static let stepName = "step.safetensors"

  /// Makes the folder, with those above, where it is missing.
  ///
  /// - Throws: ``TrainingError`` when that cannot be, or there is something in it.
  init(folder: String) throws {
    self.folder = folder
    let advice = "name another after --dump-step"
    try RunFolder.makeFolder(folder, advice: advice)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    guard names.isEmpty else {
      throw TrainingError(
        folder, expected: "an empty folder for the step, or none yet",
        found: "\(names.count) files in it", advice: advice)
    }
  }

  /// Writes what there is before the parameters change.
  func writeBeforeUpdate(_ trainer: Trainer, _ step: InspectedStep) throws {
    try write(try tensors(trainer, step), to: Self.stepName)
    try writeWeights(trainer, when: "before")
    let gradients = try trainer.gradient.tensors(dtype: .float64)
    try write(
      zip(trainer.policy.trainable, gradients).map { ($0.name, $1) }, to: "gradient.safetensors",
      "the gradient of the mean loss, before it is clipped to maxGradientNorm")
  }

  /// Writes what came of the step.
  func writeAfterUpdate(
    _ trainer: Trainer, _ step: InspectedStep, gradientNorm: Double
  ) throws {
    try writeWeights(trainer, when: "after")
    let record = StepRecord(trainer, step, gradientNorm: gradientNorm, entries: entries)
    try DiskOperations().replaceFile(
      "\(folder)/\(Self.recordName)",
      contents: JSONEncoder.stable(.prettyPrinted).encode(record) + Data("\n".utf8))
    isWritten = true
  }

  private func writeWeights(_ trainer: Trainer, when: String) throws {
    func write(_ parameters: [Parameter], _ name: String, _ meaning: String) throws {
      try self.write(
        parameters.map { ($0.name, $0.tensor) }, to: "\(name)-\(when).safetensors",
        "\(meaning) \(when) the step")
    }
    let store = trainer.policy.model.unetParameters
    try write(store.parameters, "unet", "the UNet's weights, under diffusers' names,")
    if let adapters = store.adapters {
      try write(
        adapters.parameters, "adapters",
        "lora_A and lora_B of each adapted layer (its output gets alpha / rank B A x added)")
    }
    try write(
      trainer.optimizer.state, "optimizer",
      "AdamW's exp_avg, exp_avg_sq and step of each trained parameter, as in PyTorch,")
  }

  /// The contents of `step.safetensors`, each noted for the record.
  private func tensors(_ trainer: Trainer, _ step: InspectedStep) throws -> [(String, Tensor)] {
    var result: [(String, Tensor)] = []
    func add(_ name: String, _ axes: String, _ tensor: Tensor, _ meaning: String) {
      result.append((name, tensor))
      entries.append(
        StepRecord.Entry(
          file: Self.stepName, name: name, shape: axes, dtype: tensor.dtype.rawValue,
          meaning: meaning))
    }
    func stacked(_ tensor: (Rollout) throws -> Tensor) throws -> Tensor {
      try .concatenated(
        step.rollouts.map { rollout in
          let one = try tensor(rollout)
          return try one.reshaped([1] + one.shape)
        })
    }
    let pass = trainer.policyGradient
    func nats(_ matrix: (Rollout) throws -> StepMatrix) throws -> Tensor {
      try stacked { try matrix($0).tensor() } * (1 / pass.reductionScale)
    }
    func column<Value: TensorScalar>(_ value: (SamplingStep) -> Value) throws -> Tensor {
      try Tensor(trainer.plan.steps.map(value), shape: [trainer.plan.steps.count])
    }

    add("timesteps", "[T]", try column(\.timestep), "t of each sampling step")
    add("alphabar_t", "[T]", try column(\.alphaCumprod), "alphabar at t")
    add("alphabar_prev", "[T]", try column(\.previousAlphaCumprod), "alphabar where the step ends")
    add("sigma", "[T]", try column(\.sigma), "standard deviation of the step's noise")
    add(
      "trained_steps", "[S]",
      try Tensor(pass.trainedSteps.map(Int64.init), shape: [pass.trainedSteps.count]),
      "which of the T sampling steps enter the loss, from 0")
    add(
      "contexts", "[N, L, D]", try .concatenated(step.rollouts.map(\.context.features)),
      "of the prompts")
    add(
      "empty_contexts", "[N, L, D]", try .concatenated(step.rollouts.map(\.emptyContext.features)),
      "of the negative prompts, or the empty one, for guidance")
    if let empty = pass.emptyContext.addition {
      let additions = step.rollouts.compactMap(\.context.addition)
      add(
        "pooled", "[N, P]", try .concatenated(additions.map(\.pooled)),
        "of the prompts, which XL's time embedding takes")
      let emptyAdditions = step.rollouts.compactMap(\.emptyContext.addition)
      add(
        "empty_pooled", "[N, P]", try .concatenated(emptyAdditions.map(\.pooled)),
        "of the negative prompts, or the empty one")
      add(
        "sizes", "[1, 6]", empty.sizes,
        "rows and columns of the original, of the crop's top left and of the target, in pixels")
    }
    add(
      "trajectories", "[N, T + 1, B, C, h, w]", try stacked(\.latents),
      "the latents from x_T, pure noise, to x_0, as the old policy drew them")
    add(
      "noises", "[N, B, T + 1, C, h, w]",
      try stacked { try trainer.sampler.noise(position: $0.position) },
      "standard normal: x_T, then what times sigma was added to each step's mean")
    add(
      "predictions", "[N, B, S, C, h, w]",
      try stacked { try pass.predictions(along: $0) },
      "the guided prediction of the UNet under theta, at the trained steps")
    add(
      "log_probabilities", "[N, B, S]",
      try nats { try step.inner == 0 ? $0.old : pass.logProbabilities(of: $0) },
      "l_it under theta: -||x_{t-1} - mu||^2 / (2 sigma^2), in nats, summed over C, h and w whatever "
        + "the reduction; at an epoch's first step those under old")
    add("old_log_probabilities", "[N, B, S]", try nats(\.old), "the same under old")
    add("reference_log_probabilities", "[N, B, S]", try nats(\.reference), "the same under ref")
    add(
      "rewards", "[N, B]",
      try Tensor(
        step.rollouts.flatMap(\.rewards.withNaN),
        shape: [step.rollouts.count, step.rollouts[0].rewards.count]),
      "r, raw; NaN where the score is missing, and no pair has that image")
    add(
      "weights", "[N, B, S]",
      try .concatenated(
        step.objectives.map { try $0.weights.tensor() }
      ).reshaped([step.objectives.count] + [step.rollouts[0].rewards.count, -1]),
      "w_it: the gradient of a prompt's loss is the sum of w_it times the gradient of l_it, l under "
        + "the reduction: in nats for sum, divided by C h w for mean")
    add(
      "losses", "[N]",
      try Tensor(step.objectives.map(\.loss), shape: [step.objectives.count]),
      "each prompt's loss, under the reduction")
    return result
  }

  /// Writes tensors that together are one entry of the record.
  private func write(_ tensors: [(String, Tensor)], to file: String, _ meaning: String) throws {
    entries.append(
      StepRecord.Entry(
        file: file, name: "*", shape: "each parameter's", dtype: nil, meaning: meaning))
    try write(tensors, to: file)
  }

  private func write(_ tensors: [(String, Tensor)], to file: String) throws {
    try tensors.map { Parameter(name: $0, tensor: $1) }
      .write(to: URL(filePath: "\(folder)/\(file)"))
  }
}

extension PolicyGradient {
  /// The guided predictions at the trained steps of a rollout: float64 [B, S, C, h, w].
  fileprivate func predictions(along rollout: Rollout) throws -> Tensor {
    let shape = rollout.latents.shape
    let conditioning = try Conditioning(
      context: rollout.context.repeated(shape[1]), emptyContext: rollout.emptyContext,
      guidanceScale: guidanceScale)
    return try withoutGradient {
      try .concatenated(
        trainedSteps.map { index in
          let sample = try rollout.latents.narrowed(axis: 0, index..<index + 1)
            .reshaped(Array(shape[1...])).to(emptyContext.device)
          let gaussian = try GaussianSteps(
            Array(repeating: plan.steps[index], count: shape[1]), on: emptyContext.device)
          let prediction = try network.guided(
            sample, timesteps: gaussian.timesteps, conditioning)
          return try prediction.reshaped([shape[1], 1] + shape[2...])
        }, axis: 1)
    }
  }
}
