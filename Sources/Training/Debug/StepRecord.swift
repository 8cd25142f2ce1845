import ClusterConfiguration
import Diffusion
import PRDP

/// A dumped step in words and numbers: the contents of `step.json`.
struct StepRecord: Encodable {
  /// What a tensor of the dump is; with the name `*`, all tensors of a file.
  struct Entry: Encodable {
    let file: String
    let name: String
    let shape: String
    let dtype: String?
    let meaning: String
  }

  /// The lengths of the axes.
  struct Axes: Encodable {
    let N, B, T, S, C, h, w, L, D: Int
    /// Of Stable Diffusion XL alone.
    let P: Int?
  }

  /// How the step is computed.
  struct Settings: Encodable {
    /// In the unit of the reduction, as in the configuration; so is `clipRange`.
    let beta: Double
    let clipRange: Double
    let reduction: String
    let guidance: Double
    let eta: Double
    let spacing: String
    let predictionType: String
    let training: String
    let loraScale: Double?
    let optimizer: Optimizer
  }

  /// AdamW's coefficients in this step, the learning rate after schedule and slowing.
  struct Optimizer: Encodable {
    let learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm: Double
  }

  let formatVersion = 1
  let about = """
    One optimiser step of PRDP (arXiv 2402.08714), with all that is needed to compute it again. \
    theta is the policy being trained, with the weights named before; old the one that drew the \
    trajectories; ref the pre-trained one. The loss is the mean of the prompts' losses; a prompt's \
    is the mean over its pairs of trajectories with unequal rewards, 0 where there is none.
    """
  /// Counted from 1.
  let epoch, inner, step: Int
  let prompts: [String]
  /// The places of the prompts in the run, which key their noise.
  let positions: [Int]
  let loss: Double
  let clipFraction, clippedPairFraction, tiedPairFraction: Double
  /// Before it is clipped.
  let gradientNorm: Double
  let axes: Axes
  let settings: Settings
  let entries: [Entry]

  /// The record of a step that was just taken.
  init(_ trainer: Trainer, _ step: InspectedStep, gradientNorm: Double, entries: [Entry]) {
    func mean(_ value: KeyPath<PromptObjective, Double>) -> Double {
      step.objectives.reduce(0) { $0 + $1[keyPath: value] } / Double(step.objectives.count)
    }
    (epoch, inner, self.step) = (trainer.state.epoch + 1, step.inner + 1, trainer.state.step)
    prompts = step.rollouts.map(\.prompt)
    positions = step.rollouts.map(\.position)
    loss = mean(\.loss)
    clipFraction = mean(\.clipFraction)
    clippedPairFraction = mean(\.clippedPairFraction)
    tiedPairFraction = mean(\.tiedPairFraction)
    self.gradientNorm = gradientNorm
    axes = Axes(trainer, step)
    settings = Settings(trainer)
    self.entries = entries
  }
}

extension StepRecord.Axes {
  fileprivate init(_ trainer: Trainer, _ step: InspectedStep) {
    let latents = step.rollouts[0].latents.shape
    let empty = trainer.policy.emptyContext
    let context = empty.features.shape
    self.init(
      N: step.rollouts.count, B: latents[1], T: trainer.plan.steps.count,
      S: trainer.policyGradient.trainedSteps.count, C: latents[2], h: latents[3], w: latents[4],
      L: context[1], D: context[2], P: empty.addition?.pooled.shape[1])
  }
}

extension StepRecord.Settings {
  fileprivate init(_ trainer: Trainer) {
    let configuration = trainer.configuration
    let lora = trainer.policy.model.unetParameters.adapters?.configuration
    let coefficients = trainer.optimizer.coefficients
    self.init(
      beta: trainer.method.beta, clipRange: trainer.method.clipRange,
      reduction: trainer.method.reduction.rawValue, guidance: configuration.sampler.guidance,
      eta: trainer.plan.eta, spacing: configuration.sampler.spacing.rawValue,
      predictionType: trainer.plan.predictionType.rawValue,
      training: configuration.model.training.rawValue,
      loraScale: lora.map { $0.alpha / Double($0.rank) },
      optimizer: StepRecord.Optimizer(
        learningRate: coefficients.learningRate, beta1: coefficients.beta1,
        beta2: coefficients.beta2, epsilon: coefficients.epsilon,
        weightDecay: coefficients.weightDecay,
        maxGradientNorm: configuration.optimizer.maxGradientNorm))
  }
}
