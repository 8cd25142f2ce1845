// Units, ranges and advice stand in `Schema`; here are the names, types and defaults.

extension RunConfiguration {
  /// The run as a whole.
  public struct Run: Sendable, Equatable {
    /// Seed of all keyed random numbers; at least 0.
    public var seed = 1
    /// The run folder, made if it is not there.
    public var output = "runs/embedded"
    /// Epochs from the start of the run, resumed or not; at least 1.
    public var epochs = 40
  }

  /// The model to fine-tune, and which of its weights.
  public struct Model: Sendable, Equatable {
    /// Which weights are trained.
    public enum Training: String, Choice {
      /// Low-rank adapters beside frozen weights.
      case lora
      /// The whole UNet.
      case full
    }

    /// The adapters' shape; read only when ``Model/training`` is ``Training/lora``.
    public struct LoRA: Sendable, Equatable {
      /// Rank r of each adapter; at least 1.
      public var rank = 8
      /// The adapters' product is scaled by alpha / rank; above 0.
      public var alpha = 8.0
      /// Ends of the paths of the layers, linear or convolutions, that get an adapter; never empty.
      public var targets = [
        "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2",
        "conv1", "conv2", "time_emb_proj",
      ]
    }

    /// The types that frozen weights can have.
    public enum DType: String, Choice {
      case float32, float16, bfloat16
    }

    /// A folder in diffusers' format.
    public var path = "Sources/Scenes/Resources/tiny-diffusion"
    /// The kind of weight files, such as `fp16`; `nil` for those without one in their name.
    public var variant: String?
    /// The type of the weights of UNet and text encoders; float32 where the UNet is trained.
    public var dtype = DType.float32
    /// Whether gradients compute activations anew: less memory, more time, the same numbers.
    public var gradientCheckpointing = false
    /// Which weights are trained.
    public var training = Training.lora
    /// The adapters' shape.
    public var lora = LoRA()
  }

  /// What is trained on.
  public struct Data: Sendable, Equatable {
    /// A file of training prompts.
    public struct Source: Sendable, Equatable {
      /// The weight of a file that states none.
      public static let defaultWeight = 1

      /// Where it is.
      public var path: String
      /// How often a prompt of it comes, as a share of all files' weights; at least 1.
      public var weight: Int

      /// A file of prompts.
      public init(path: String, weight: Int = defaultWeight) {
        self.path = path
        self.weight = weight
      }
    }

    /// The files of training prompts, paths distinct; never empty.
    public var prompts = [Source(path: "Sources/Scenes/Resources/prompts/train.txt")]
    /// Where the indexes of large prompt files are kept; `nil`: prdp in the user's cache folder.
    public var indexFolder: String?
  }

  /// The method and its hyper-parameters.
  ///
  /// - Source: Deng et al., PRDP, arXiv 2402.08714v2; symbols as there.
  public struct Method: Sendable, Equatable {
    /// The training method.
    public enum Name: String, Choice {
      /// Proximal reward difference prediction.
      case prdp
      /// Denoising diffusion policy optimisation, the baseline.
      case ddpo
    }

    /// Which policy draws the trajectories.
    public enum Sampling: String, Choice {
      /// The one that is trained, as it is at the epoch's start.
      case online
      /// The pre-trained one.
      case offline
    }

    /// By what DDPO normalises a reward.
    public enum Advantages: String, Choice {
      /// The rewards of the prompt's images in the epoch.
      case prompt
      /// The last rewards of the prompt in the run, or the epoch's where these are few.
      case history
    }

    /// How log-probabilities are reduced over the elements of a latent.
    public enum Reduction: String, Choice {
      /// Their mean, as in DDPO.
      case mean
      /// Their sum: the log-probability itself.
      case sum
    }

    /// What happens beyond ``Method/klLimit``.
    public enum KLAction: String, Choice {
      /// The run ends with a checkpoint.
      case stop
      /// The learning rate is lowered.
      case slow
    }

    /// The training method.
    public var name = Name.prdp
    /// N: prompts of an epoch, over all ranks; at least 1 and not below the number of ranks.
    public var promptsPerEpoch = 16
    /// B: trajectories of each prompt, all on one rank; at least 2.
    public var imagesPerPrompt = 16
    /// K: optimiser steps of an epoch, each over the whole batch; at least 1.
    public var innerSteps = 1
    /// beta: weight of the KL term; above 0. Belongs to ``Method/reduction``.
    public var beta = 5e-4
    /// eps: bound on a step's log-ratio, in nats; above 0. Belongs to ``Method/reduction``.
    public var clipRange = 0.1
    /// Whether log-ratios are clipped at all.
    public var clip = true
    /// Which policy draws the trajectories.
    public var sampling = Sampling.online
    /// By what DDPO normalises a reward.
    public var advantages = Advantages.prompt
    /// How log-probabilities are reduced over the elements of a latent.
    public var reduction = Reduction.sum
    /// Last sampling steps of a trajectory that stay out of the loss; below the number of steps.
    public var omitLastSteps = 2
    /// Samples (trajectory, step) in one forward and backward pass; at least 1.
    public var microBatch = 48
    /// KL to the reference, nats over all steps, beyond which ``klAction`` is taken; `nil`: none.
    public var klLimit: Double?
    /// What happens beyond ``klLimit``.
    public var klAction = KLAction.stop
  }

  /// AdamW and its learning rate.
  public struct Optimizer: Sendable, Equatable {
    /// The numbers in which ranks exchange gradients.
    public enum GradientType: String, Choice {
      /// As they are added up.
      case float64
      /// Half the bytes.
      case float32
      /// A quarter of them; what rounding leaves out is made up for in the next step.
      case bfloat16
    }

    /// How the learning rate goes on after the warm-up.
    public enum Schedule: String, Choice {
      /// It stays.
      case constant
      /// It falls along half a cosine, which would be 0 at the step after the run's last.
      case cosine
    }

    /// The highest, that of the first step after the warm-up; above 0.
    public var learningRate = 1.5e-3
    /// Optimiser steps over which the learning rate rises linearly; at least 0.
    public var warmupSteps = 3
    /// What follows the warm-up.
    public var schedule = Schedule.constant
    /// Decoupled weight decay; at least 0.
    public var weightDecay = 1e-4
    /// Decay of the first moment; in [0, 1).
    public var beta1 = 0.9
    /// Decay of the second moment; in [0, 1).
    public var beta2 = 0.999
    /// Added to the root of the second moment; above 0.
    public var epsilon = 1e-8
    /// The averaged gradient is scaled down to this global norm; above 0.
    public var maxGradientNorm = 1.0
    /// What an average of the trained weights keeps at each step, in [0, 1); `nil` for no average.
    public var averageDecay: Double?
    /// Whether each rank keeps the moments of its share of the weights only.
    public var sharded = false
    /// The numbers in which ranks exchange gradients.
    public var gradientType = GradientType.float64
    /// Pieces in which they do, in megabytes of float64; above 0.
    public var bucketMegabytes = 0.5
  }

  /// How images are drawn, in training and in evaluation.
  public struct Sampler: Sendable, Equatable {
    /// How the sampling steps lie among the model's training steps.
    public enum Spacing: String, Choice {
      /// What the model's scheduler_config.json says.
      case file
      /// Counted from the clean end.
      case leading
      /// Counted from the noisy end.
      case trailing
      /// Both ends included.
      case linspace
    }

    /// T: sampling steps; at least 1.
    public var steps = 5
    /// Guidance scale; at least 1, and 1 is without classifier-free guidance.
    public var guidance = 1.0
    /// Noise of a step: 1 is DDPM; in (0, 1], for a step without noise has no log-probability.
    public var eta = 1.0
    /// How the steps lie among the model's training steps.
    public var spacing = Spacing.file
    /// Images sampled at once, a shape that does not change with the number of ranks; at least 1.
    public var batchSize = 32
  }

  /// A named set of prompts to evaluate on.
  public struct EvaluationSet: Sendable, Equatable {
    /// The name in metrics and file names.
    public var name: String
    /// The file of prompts.
    public var prompts: String

    /// A set of the prompts in a file.
    public init(name: String, prompts: String) {
      self.name = name
      self.prompts = prompts
    }
  }

  /// What is measured, on which prompts, and when.
  public struct Evaluation: Sendable, Equatable {
    /// The sets, in the order they are evaluated in; may be empty, names distinct.
    public var sets = [
      EvaluationSet(name: "seen", prompts: "Sources/Scenes/Resources/prompts/seen.txt"),
      EvaluationSet(name: "unseen", prompts: "Sources/Scenes/Resources/prompts/unseen.txt"),
      EvaluationSet(
        name: "unseen-pairs", prompts: "Sources/Scenes/Resources/prompts/unseen-pairs.txt"),
    ]
    /// Images drawn for each set, over all ranks; at least 1.
    public var imagesPerSet = 512
    /// Epochs between evaluations; 0: only before the first and after the last.
    public var everyEpochs = 0
    /// Seed of the evaluation's noise, the same at every evaluation; at least 0.
    public var seed = 0
    /// Held-out rewards, which nothing is trained on; may be empty, names distinct from the trained.
    public var rewards: [Reward] = []
  }

  /// What is saved, and how much of it is kept.
  public struct Checkpoint: Sendable, Equatable {
    /// Epochs between checkpoints; 0: only at the end.
    public var everyEpochs = 10
    /// Optimiser steps between checkpoints, within epochs too; 0: none but for the above.
    public var everySteps = 0
    /// Checkpoints kept, the newest; at least 1.
    public var keep = 2
    /// Steps of which every so many's checkpoint is kept for good; 0: none.
    public var keepEvery = 0
    /// The set and the reward, `unseen/pickscore`, that are highest at a checkpoint which is kept
    /// beside those; `nil`: none is.
    public var best: String?
  }

  /// What a person sees of the run.
  public struct Logging: Sendable, Equatable {
    /// How progress is shown on rank 0.
    public enum Progress: String, Choice {
      /// Live on a terminal, else plain.
      case auto
      /// Lines that are rewritten in place.
      case live
      /// A line an epoch, for logs.
      case plain
      /// Nothing.
      case none
    }

    /// How progress is shown on rank 0.
    public var progress = Progress.auto
    /// Images in a grid of samples; 0: no grids.
    public var sampleImages = 16
    /// Epochs between plain lines of progress; at least 1.
    public var everyEpochs = 5
    /// Epochs between grids of samples during the run; 0: only before and after.
    public var gridEveryEpochs = 20
    /// Whether event files for TensorBoard are written.
    public var tensorboard = true
  }
}
