/// A line of `metrics.jsonl`. Numbers that are not finite are written as null.
public enum MetricsRecord: Encodable, Sendable {
  /// An optimiser step.
  case step(Step)
  /// The reward on a set of prompts.
  case evaluation(Evaluation)

  /// An optimiser step. Log-probabilities and so the loss are reduced as the run is set to.
  public struct Step: Encodable, Sendable {
    let kind = "step"
    /// The epoch, counted from 1.
    public var epoch: Int
    /// The step within the epoch, 1 to K.
    public var inner: Int
    /// Optimiser steps of the run so far, this one included.
    public var step: Int
    /// The mean over prompts.
    @JSONNumber public var loss: Double
    /// The global norm before clipping.
    @JSONNumber public var gradientNorm: Double
    /// The part, 0 to 1, of log-ratios (trajectory, step) beyond the clip range.
    @JSONNumber public var clipFraction: Double
    /// The part, 0 to 1, of pairs with equal reward, which are left out.
    @JSONNumber public var tiedPairFraction: Double
    /// The mean reward of the epoch's images.
    @JSONNumber public var rewardMean: Double
    /// The standard deviation of the rewards of the epoch's images.
    @JSONNumber public var rewardDeviation: Double
    /// The divergence from the reference in nats, over the time steps that are trained.
    @JSONNumber public var kl: Double
    /// The divergence from the reference in nats, over all time steps.
    @JSONNumber public var klAllSteps: Double
    /// What the step was taken with.
    @JSONNumber public var learningRate: Double
    /// Images sampled by the run so far, over all ranks.
    public var images: Int
    /// Where the time went.
    public var seconds: Seconds

    /// A record of all of it.
    public init(
      epoch: Int, inner: Int, step: Int, loss: Double, gradientNorm: Double, clipFraction: Double,
      tiedPairFraction: Double, rewardMean: Double, rewardDeviation: Double, kl: Double,
      klAllSteps: Double, learningRate: Double, images: Int, seconds: Seconds
    ) {
      self.epoch = epoch
      self.inner = inner
      self.step = step
      self.loss = loss
      self.gradientNorm = gradientNorm
      self.clipFraction = clipFraction
      self.tiedPairFraction = tiedPairFraction
      self.rewardMean = rewardMean
      self.rewardDeviation = rewardDeviation
      self.kl = kl
      self.klAllSteps = klAllSteps
      self.learningRate = learningRate
      self.images = images
      self.seconds = seconds
    }
  }

  /// Wall-clock seconds of rank 0. Sampling, rewards and reference are an epoch's: they stand in the
  /// record of its first step and are 0 in the others.
  public struct Seconds: Encodable, Sendable {
    /// Drawing the trajectories.
    @JSONNumber public var sample = 0.0
    /// Scoring the images.
    @JSONNumber public var reward = 0.0
    /// Log-probabilities under the reference.
    @JSONNumber public var reference = 0.0
    /// Forward and backward passes of the step.
    @JSONNumber public var gradient = 0.0
    /// Adding up the gradient over ranks, the wait for the slowest rank included.
    @JSONNumber public var communicate = 0.0
    /// Clipping and the optimiser.
    @JSONNumber public var update = 0.0

    /// No time in any phase yet.
    public init() {}
  }

  /// The reward on a set of prompts.
  public struct Evaluation: Encodable, Sendable {
    let kind = "evaluation"
    /// Epochs done.
    public var epoch: Int
    /// Optimiser steps taken.
    public var step: Int
    /// The set's name.
    public var set: String
    /// The mean over the images.
    @JSONNumber public var reward: Double
    /// The number of images.
    public var count: Int
    /// The standard error of the mean.
    @JSONNumber public var standardError: Double
    /// Where in the run.
    public var phase: EvaluationPhase

    /// A record of all of it.
    public init(
      epoch: Int, step: Int, set: String, reward: Double, count: Int, standardError: Double,
      phase: EvaluationPhase
    ) {
      self.epoch = epoch
      self.step = step
      self.set = set
      self.reward = reward
      self.count = count
      self.standardError = standardError
      self.phase = phase
    }
  }

  /// Writes the record's own fields.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .step(let record): try record.encode(to: encoder)
    case .evaluation(let record): try record.encode(to: encoder)
    }
  }
}

/// When an evaluation is made.
public enum EvaluationPhase: String, Codable, Sendable {
  /// Before the first epoch.
  case before
  /// Between two epochs.
  case during
  /// After the last epoch.
  case after
}
