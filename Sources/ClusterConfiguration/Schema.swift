/// The table of all keys. Reading, overriding, suggesting, writing and explaining all follow it.
enum Schema {
  /// A top-level name of the file.
  struct Section: Sendable {
    let name: String
    let explanation: String
    let keys: [ConfigurationKey]
    /// Names that other trainers have for it; offered where one is written here.
    var knownAs: [String] = []
  }

  static let sections = [
    Section(name: "run", explanation: "The run as a whole.", keys: run),
    Section(
      name: "cluster", explanation: "The processes, what they compute on.", keys: cluster,
      knownAs: ["distributed", "mpi", "hardware"]),
    Section(name: "model", explanation: "The model to fine-tune, and how.", keys: model),
    Section(name: "data", explanation: "What is trained on.", keys: data),
    Section(name: "rewards", explanation: "What is maximised.", keys: rewards),
    Section(
      name: "scoring", explanation: "How images are scored, whatever the rewards are.",
      keys: scoring),
    Section(
      name: "method", explanation: "The method, arXiv 2402.08714.", keys: method,
      knownAs: ["train", "trainer", "algorithm", "ppo"]),
    Section(
      name: "optimizer", explanation: "AdamW and its learning rate.", keys: optimizer,
      knownAs: ["optim", "adam", "adamw"]),
    Section(
      name: "sampler", explanation: "How images are drawn.", keys: sampler,
      knownAs: ["sample", "sampling", "scheduler"]),
    Section(
      name: "evaluation", explanation: "What is measured, and when.", keys: evaluation,
      knownAs: ["eval", "validation"]),
    Section(
      name: "checkpoint", explanation: "What is saved.", keys: checkpoint,
      knownAs: ["checkpointing", "save"]),
    Section(
      name: "logging", explanation: "What a person sees of the run.", keys: logging,
      knownAs: ["log"]),
  ]

  static let keys = sections.flatMap(\.keys)

  static let relations: [ConfigurationRelation] = [
    .settings(of: "rewards", \.rewards),
    .settings(of: "evaluation.rewards", \.evaluation.rewards),
  ]

  static let relationsOfRuns: [ConfigurationRelation] = [
    .namesOfRewards,
    .patienceForRewards,
    .bestMeasure,
    ConfigurationRelation(paths: ["model.dtype", "model.training"]) { configuration in
      let dtype = configuration.model.dtype
      guard configuration.model.training == .full, dtype != .float32 else { return [] }
      return [
        "model.dtype is \(dtype.rawValue) with model.training: full: steps of the optimiser are lost "
          + "in so few digits; take float32, or train adapters"
      ]
    },
    .imagesToCompare,
    ConfigurationRelation(paths: ["method.sampling", "method.name"]) { configuration in
      configuration.method.name == .ddpo && configuration.method.sampling == .offline
        ? ["method.sampling is offline, of which ddpo cannot learn: take online, or prdp"] : []
    },
    ConfigurationRelation(paths: ["method.omitLastSteps", "sampler.steps"]) { configuration in
      let omitted = configuration.method.omitLastSteps
      let steps = configuration.sampler.steps
      guard omitted >= steps else { return [] }
      return [
        "method.omitLastSteps is \(omitted), not below sampler.steps, which is \(steps): "
          + "no step would be left to train on"
      ]
    },
  ]

  private static let run = [
    ConfigurationKey(
      "run.seed", \.run.seed, .seed,
      "seed of all random numbers; equal seeds give equal runs on any number of ranks"),
    ConfigurationKey(
      "run.output", \.run.output, .path, mayChangeOnResume: true,
      knownAs: ["output_dir", "output_path", "out_dir", "save_dir", "log_dir", "logging_dir"],
      "the run folder: metrics, checkpoints, samples and this configuration go there"),
    ConfigurationKey(
      "run.epochs", \.run.epochs, .count, mayChangeOnResume: true,
      knownAs: ["num_epochs", "num_train_epochs", "n_epochs", "max_epochs"],
      "epochs in all, those before a resume included; a cosine schedule ends with them"),
  ]

  private static let model = [
    ConfigurationKey(
      "model.path", \.model.path, .path,
      knownAs: ["pretrained_model_name_or_path", "pretrained_model", "model_path", "model_id"],
      "a folder in diffusers' format"),
    ConfigurationKey(
      "model.variant", \.model.variant, .orNull(.word), knownAs: ["revision"],
      "the kind of weight files, such as fp16; null for those without one in their name"),
    ConfigurationKey(
      "model.dtype", \.model.dtype, .choice,
      knownAs: ["mixed_precision", "precision", "torch_dtype", "weight_dtype"],
      "type of the frozen weights, in which networks compute; adapters are float32"),
    ConfigurationKey(
      "model.gradientCheckpointing", \.model.gradientCheckpointing, .truth,
      mayChangeOnResume: true, knownAs: ["gradient_checkpointing", "activation_checkpointing"],
      "compute activations anew for the gradient: less memory, more time"),
    ConfigurationKey(
      "model.training", \.model.training, .choice, knownAs: ["use_lora"],
      "train low-rank adapters beside frozen weights, or the full UNet"),
    ConfigurationKey(
      "model.lora.rank", \.model.lora.rank, .count, knownAs: ["r", "lora_rank", "lora_r"],
      "rank of each adapter; with training: lora"),
    ConfigurationKey(
      "model.lora.alpha", \.model.lora.alpha, .above(0), knownAs: ["lora_alpha"],
      "adapters are scaled by alpha / rank"),
    ConfigurationKey(
      "model.lora.targets", \.model.lora.targets, .moduleNames,
      knownAs: ["target_modules", "lora_targets"],
      "layers that get an adapter, linear or convolutions, by the end of their path"),
  ]

  private static let data = [
    ConfigurationKey(
      "data.prompts", \.data.prompts, .promptSources,
      knownAs: ["dataset", "prompt_file", "prompts_file", "prompt_path", "train_data_dir"],
      "file of prompts: .txt, .jsonl, .json, .csv, .tsv; or [{path: …, weight: 2}, …]"),
    ConfigurationKey(
      "data.indexFolder", \.data.indexFolder, .orNull(.path), mayChangeOnResume: true,
      knownAs: ["cache_dir", "cache_folder"],
      "where indexes of prompt files are kept; null for prdp in the user's cache folder"),
  ]

  private static let rewards = [
    ConfigurationKey(
      "rewards", \.rewards, .rewards, knownAs: ["reward", "reward_fn", "reward_model"],
      "the raw rewards, summed with their weights (1 where none is stated)")
  ]

  private static let scoring = [
    ConfigurationKey(
      "scoring.maxMissingFraction", \.scoring.maxMissingFraction, .fractionBelowOne,
      mayChangeOnResume: true, knownAs: ["max_missing", "max_failures"],
      "part of an epoch's images that may lack a score; beyond it the run saves and stops"),
    ConfigurationKey(
      "scoring.parallelPrompts", \.scoring.parallelPrompts, .integer(1...256),
      unit: "prompts, on each rank", mayChangeOnResume: true,
      knownAs: ["reward_workers", "num_reward_workers"],
      "prompts whose images are scored at the same time, while others are drawn"),
    ConfigurationKey(
      "scoring.ledger", \.scoring.ledger, .truth, mayChangeOnResume: true,
      "keep the scores of rewards that cost in the run folder, and ask for none twice"),
  ]

  private static let method = [
    ConfigurationKey(
      "method.name", \.method.name, .choice, knownAs: ["algorithm"],
      "the training method; ddpo, the baseline, has no use for beta"),
    ConfigurationKey(
      "method.promptsPerEpoch", \.method.promptsPerEpoch, .count, unit: "prompts, over all ranks",
      knownAs: ["N", "num_prompts", "prompts"],
      "N: prompts drawn in each epoch; not below the number of ranks"),
    ConfigurationKey(
      "method.imagesPerPrompt", \.method.imagesPerPrompt, .count, unit: "images",
      knownAs: ["B", "num_images_per_prompt", "num_generations", "samples_per_prompt"],
      "B: trajectories of each prompt; all B (B - 1) / 2 pairs are compared: 2 at least"),
    ConfigurationKey(
      "method.innerSteps", \.method.innerSteps, .count,
      knownAs: ["K", "num_inner_epochs", "inner_epochs", "ppo_epochs", "gradient_updates"],
      "K: optimiser steps in each epoch, each over the whole batch"),
    ConfigurationKey(
      "method.beta", \.method.beta, .above(0), unit: "reward per nat",
      knownAs: ["kl_beta", "kl_coef", "kl_weight", "kl_penalty"],
      "beta: weight of the KL term; smaller follows the reward more"),
    ConfigurationKey(
      "method.clipRange", \.method.clipRange, .above(0), unit: "nats, in one sampling step",
      knownAs: ["eps", "epsilon", "clip_eps", "clip_epsilon"],
      "eps: how far a step's log-ratio may move within an epoch; acts where K > 1"),
    ConfigurationKey(
      "method.clip", \.method.clip, .truth,
      "false: nothing is clipped, an ablation that is not stable"),
    ConfigurationKey(
      "method.sampling", \.method.sampling, .choice, unit: "policy that draws the images",
      "online: the trained one; offline: the pre-trained one, an ablation"),
    ConfigurationKey(
      "method.advantages", \.method.advantages, .choice,
      "with ddpo: rewards less the mean of the prompt's images, or of its last 32"),
    ConfigurationKey(
      "method.reduction", \.method.reduction, .choice,
      "over a latent's D elements; beta of mean is D times, clipRange 1/D of sum's"),
    ConfigurationKey(
      "method.omitLastSteps", \.method.omitLastSteps, .countOrNone, unit: "sampling steps",
      "last steps kept out of the loss: one can carry nearly all of the gradient"),
    ConfigurationKey(
      "method.microBatch", \.method.microBatch, .count, unit: "samples (image, step)",
      knownAs: ["train_batch_size", "micro_batch_size", "per_device_train_batch_size"],
      "samples in one forward and backward pass: memory, not mathematics"),
    ConfigurationKey(
      "method.klLimit", \.method.klLimit, .orNull(.above(0)), unit: "nats, over all steps",
      mayChangeOnResume: true, knownAs: ["target_kl", "max_kl", "kl_target"],
      "KL to the pre-trained model beyond which klAction is taken; null for no limit"),
    ConfigurationKey(
      "method.klAction", \.method.klAction, .choice, mayChangeOnResume: true,
      "beyond klLimit: end the run with a checkpoint, or lower the learning rate"),
  ]

  private static let optimizer = [
    ConfigurationKey(
      "optimizer.learningRate", \.optimizer.learningRate, .above(0),
      knownAs: ["lr"], "highest learning rate, that of the first step after the warm-up"),
    ConfigurationKey(
      "optimizer.warmupSteps", \.optimizer.warmupSteps, .countOrNone, unit: "optimiser steps",
      knownAs: ["lr_warmup_steps", "warmup", "num_warmup_steps"],
      "linear rise to the learning rate; AdamW's first step is large"),
    ConfigurationKey(
      "optimizer.schedule", \.optimizer.schedule, .choice,
      knownAs: ["lr_scheduler", "lr_scheduler_type"],
      "after the warm-up: constant, or half a cosine towards 0 at the end of the run"),
    ConfigurationKey(
      "optimizer.weightDecay", \.optimizer.weightDecay, .atLeast(0),
      knownAs: ["wd", "adam_weight_decay"], "decoupled weight decay"),
    ConfigurationKey(
      "optimizer.beta1", \.optimizer.beta1, .decayRate, knownAs: ["adam_beta1", "betas"],
      "decay of the first moment"),
    ConfigurationKey(
      "optimizer.beta2", \.optimizer.beta2, .decayRate, knownAs: ["adam_beta2"],
      "decay of the second moment"),
    ConfigurationKey(
      "optimizer.epsilon", \.optimizer.epsilon, .above(0), knownAs: ["adam_epsilon", "eps"],
      "added to the root of the second moment"),
    ConfigurationKey(
      "optimizer.maxGradientNorm", \.optimizer.maxGradientNorm, .above(0),
      knownAs: ["max_grad_norm", "max_norm", "grad_clip", "gradient_clip_val", "clip_grad_norm"],
      "global norm to which a larger averaged gradient is scaled down"),
    ConfigurationKey(
      "optimizer.averageDecay", \.optimizer.averageDecay, .orNull(.decayRate),
      knownAs: ["ema_decay", "use_ema", "ema"],
      "decay of an average of the weights, which is evaluated and exported; null: none"),
    ConfigurationKey(
      "optimizer.sharded", \.optimizer.sharded, .truth, mayChangeOnResume: true,
      knownAs: ["zero", "zero_stage", "use_zero", "fsdp"],
      "ranks share out the optimiser's moments: less memory, one more exchange a step"),
    ConfigurationKey(
      "optimizer.gradientType", \.optimizer.gradientType, .choice,
      knownAs: ["gradient_compression", "comm_hook", "communication_data_type"],
      "numbers in which ranks exchange gradients; they are added up in float64"),
    ConfigurationKey(
      "optimizer.bucketMegabytes", \.optimizer.bucketMegabytes, .bucket, unit: "MB of float64",
      mayChangeOnResume: true, knownAs: ["bucket_cap_mb", "reduce_bucket_size"],
      "pieces in which gradients go over the network while others are being computed"),
  ]

  private static let sampler = [
    ConfigurationKey(
      "sampler.steps", \.sampler.steps, .integer(1...1000),
      knownAs: ["T", "num_inference_steps", "num_steps"], "T: sampling steps of an image"),
    ConfigurationKey(
      "sampler.guidance", \.sampler.guidance, .atLeast(1),
      knownAs: ["guidance_scale", "cfg", "cfg_scale"],
      "classifier-free guidance scale, in training too; 1 for none, at half the cost"),
    ConfigurationKey(
      "sampler.eta", \.sampler.eta, .fractionAboveZero, knownAs: ["ddim_eta"],
      "noise of a step as a share of DDPM's; the method needs some"),
    ConfigurationKey(
      "sampler.spacing", \.sampler.spacing, .choice, knownAs: ["timestep_spacing"],
      "which training steps are sampled; file: as scheduler_config.json says"),
    ConfigurationKey(
      "sampler.batchSize", \.sampler.batchSize, .count, unit: "images",
      knownAs: ["sample_batch_size"], "images sampled at once on a rank"),
  ]

  private static let evaluation = [
    ConfigurationKey(
      "evaluation.sets", \.evaluation.sets, .promptSets,
      knownAs: ["eval_prompts", "validation_prompts"],
      "prompt files to measure the rewards on, by name; {} for none"),
    ConfigurationKey(
      "evaluation.imagesPerSet", \.evaluation.imagesPerSet, .count, unit: "images, over all ranks",
      knownAs: ["num_validation_images"],
      "images drawn for each set"),
    ConfigurationKey(
      "evaluation.everyEpochs", \.evaluation.everyEpochs, .countOrNone, unit: "epochs",
      mayChangeOnResume: true,
      knownAs: ["eval_every", "eval_freq", "eval_steps", "validation_epochs"],
      "epochs between evaluations; 0 for only before and after the run"),
    ConfigurationKey(
      "evaluation.seed", \.evaluation.seed, .seed, "seed of the noise, the same each time"),
    ConfigurationKey(
      "evaluation.rewards", \.evaluation.rewards, .heldOutRewards,
      knownAs: ["eval_rewards", "held_out_rewards"],
      "held-out rewards: where one falls while the trained reward rises, the run says so"),
  ]

  private static let checkpoint = [
    ConfigurationKey(
      "checkpoint.everyEpochs", \.checkpoint.everyEpochs, .countOrNone, unit: "epochs",
      mayChangeOnResume: true,
      knownAs: ["checkpointing_steps", "save_freq", "save_steps", "save_every"],
      "epochs between checkpoints; 0 for only at the end"),
    ConfigurationKey(
      "checkpoint.everySteps", \.checkpoint.everySteps, .countOrNone, unit: "optimiser steps",
      mayChangeOnResume: true, knownAs: ["save_interval"],
      "steps between checkpoints, within an epoch too, with its images; 0 for none"),
    ConfigurationKey(
      "checkpoint.keep", \.checkpoint.keep, .integer(2...Rule.countLimit), unit: "checkpoints",
      mayChangeOnResume: true, knownAs: ["checkpoints_total_limit", "save_total_limit"],
      "how many of the newest are kept; 2 at least, as one may be damaged"),
    ConfigurationKey(
      "checkpoint.keepEvery", \.checkpoint.keepEvery, .countOrNone, unit: "optimiser steps",
      mayChangeOnResume: true, knownAs: ["keep_every"],
      "checkpoints of steps that this divides are kept for good; 0 for none"),
    ConfigurationKey(
      "checkpoint.best", \.checkpoint.best, .orNull(.measure), mayChangeOnResume: true,
      knownAs: ["metric_for_best_model", "load_best_model_at_end", "monitor"],
      "SET/REWARD: keeps the one where it is highest, lowest for a negative weight; or null"),
  ]

  private static let logging = [
    ConfigurationKey(
      "logging.progress", \.logging.progress, .choice, mayChangeOnResume: true,
      knownAs: ["progress_bar"],
      "display on rank 0; auto: live on a terminal, else plain lines"),
    ConfigurationKey(
      "logging.sampleImages", \.logging.sampleImages, .countOrNone, unit: "images",
      mayChangeOnResume: true, "images in a grid of samples; 0 for no grids"),
    ConfigurationKey(
      "logging.everyEpochs", \.logging.everyEpochs, .count, unit: "epochs",
      mayChangeOnResume: true, knownAs: ["log_every", "log_freq", "logging_steps"],
      "epochs between plain lines of progress"),
    ConfigurationKey(
      "logging.gridEveryEpochs", \.logging.gridEveryEpochs, .countOrNone, unit: "epochs",
      mayChangeOnResume: true, "epochs between grids of samples; 0 for only before and after"),
    ConfigurationKey(
      "logging.tensorboard", \.logging.tensorboard, .truth, mayChangeOnResume: true,
      knownAs: ["use_tensorboard", "tb"],
      "event files in the run folder, which TensorBoard shows while the run goes on"),
  ]
}

extension Schema {
  static let keyByPath = Dictionary(uniqueKeysWithValues: keys.map { ($0.path, $0) })

  /// The paths that hold keys: `method`, `model`, `model.lora`.
  static let groups: [String] = {
    var groups: [String] = []
    for key in keys {
      for group in key.groups where !groups.contains(group) { groups.append(group) }
    }
    return groups
  }()

  /// The key of the list or mapping of which `path` names an entry.
  static func key(withPart path: String) -> ConfigurationKey? {
    keys.first { path.hasPrefix($0.path + ".") || path.hasPrefix($0.path + "[") }
  }
}

extension ConfigurationKey {
  /// The paths of the groups around this key, from the outside: `model`, `model.lora`.
  var groups: [String] {
    path.indices.filter { path[$0] == "." }.map { String(path[..<$0]) }
  }
}
