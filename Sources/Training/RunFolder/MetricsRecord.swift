/// A line of `metrics.jsonl`. Numbers that are not finite are written as null.
enum MetricsRecord: Encodable, Sendable {
  /// An optimiser step.
  case step(Step)
  /// The reward on a set of prompts.
  case evaluation(Evaluation)
  /// A checkpoint that was saved.
  case checkpoint(Checkpoint)
  /// A start of the program.
  case start(Start)

  /// An optimiser step. Log-probabilities and so the loss are reduced as the run is set to.
  struct Step: Encodable, Sendable {
    let kind = "step"
    /// The epoch, counted from 1.
    var epoch: Int
    /// The step within the epoch, 1 to K.
    var inner: Int
    /// Optimiser steps of the run so far, this one included.
    var step: Int
    /// The mean over prompts.
    @JSONNumber var loss: Double
    /// The global norm before clipping.
    @JSONNumber var gradientNorm: Double
    /// The part, 0 to 1, of log-ratios (trajectory, step) beyond the clip range.
    @JSONNumber var clipFraction: Double
    /// The part, 0 to 1, of pairs with equal reward, which are left out.
    @JSONNumber var tiedPairFraction: Double
    /// The mean reward of the epoch's images that have one.
    @JSONNumber var rewardMean: Double
    /// The standard deviation of the rewards of those images.
    @JSONNumber var rewardDeviation: Double
    /// The mean of what each reward says of the epoch's images, raw, by its name.
    var components: [String: JSONNumber]
    /// The epoch's images without a reward.
    var missingScores: Int
    /// The divergence from the reference in nats, over the time steps that are trained.
    @JSONNumber var kl: Double
    /// The divergence from the reference in nats, over all time steps.
    @JSONNumber var klAllSteps: Double
    /// What the step was taken with.
    @JSONNumber var learningRate: Double
    /// Images sampled by the run so far, over all ranks.
    var images: Int
    /// Where the time went.
    var seconds: Seconds
  }

  /// Wall-clock seconds of rank 0. Sampling, rewards and reference are an epoch's: they stand in the
  /// record of its first step and are 0 in the others.
  struct Seconds: Encodable, Sendable {
    /// Drawing the trajectories, the encoding of texts and the decoding of images among it.
    @JSONNumber var sample = 0.0
    /// Waiting for scores, which are computed or asked for beside the drawing.
    @JSONNumber var reward = 0.0
    /// Scoring, added up over the threads that do it: time beside the other phases, not of its own.
    @JSONNumber var scoring = 0.0
    /// Log-probabilities under the reference. On a GPU, which nothing waits for between the steps of
    /// a drawing, only its sum with `sample` means something; `prdp bench` tells the two apart.
    @JSONNumber var reference = 0.0
    /// Forward and backward passes of the step.
    @JSONNumber var gradient = 0.0
    /// Adding up the gradient over ranks, the wait for the slowest rank included.
    @JSONNumber var communicate = 0.0
    /// Clipping and the optimiser.
    @JSONNumber var update = 0.0
  }

  /// The reward on a set of prompts.
  struct Evaluation: Encodable, Sendable {
    let kind = "evaluation"
    /// Epochs done.
    var epoch: Int
    /// Optimiser steps taken.
    var step: Int
    /// The set's name.
    var set: String
    /// The mean over the images that have one.
    @JSONNumber var reward: Double
    /// The mean of what each reward says of the images, raw, by its name.
    var components: [String: JSONNumber]
    /// The number of images.
    var count: Int
    /// Those without a reward.
    var missingScores: Int
    /// The standard error of the mean.
    @JSONNumber var standardError: Double
    /// Where in the run.
    var phase: EvaluationPhase
  }

  /// A checkpoint that was saved. Its record may come after those of later steps.
  struct Checkpoint: Encodable, Sendable {
    let kind = "checkpoint"
    /// Optimiser steps taken when it was saved.
    var step: Int
    /// Of all its files, over all ranks.
    var bytes: Int
    /// For which training waited: to check and copy what is saved, and for an earlier save to end.
    @JSONNumber var secondsBlocked: Double
    /// Until it was on the disk and found good.
    @JSONNumber var seconds: Double
  }

  /// A start of the program, the first one and each that went on from a checkpoint.
  struct Start: Encodable, Sendable {
    let kind = "start"
    /// Optimiser steps taken before.
    var step: Int
    /// When it was, in ISO 8601.
    var time: String
    /// The number of ranks.
    var ranks: Int
  }

  /// Writes the record's own fields.
  func encode(to encoder: any Encoder) throws {
    switch self {
    case .step(let record): try record.encode(to: encoder)
    case .evaluation(let record): try record.encode(to: encoder)
    case .checkpoint(let record): try record.encode(to: encoder)
    case .start(let record): try record.encode(to: encoder)
    }
  }
}

/// When an evaluation is made.
enum EvaluationPhase: String, Codable, Sendable {
  /// Before the first epoch.
  case before
  /// Between two epochs.
  case during
  /// After the last epoch.
  case after
}
