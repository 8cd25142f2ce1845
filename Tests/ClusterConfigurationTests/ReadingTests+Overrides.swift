extension ReadingTests {
  static let badOverrides = [
    BadInput(
      "an unknown key", "run: {}", set: "method.betaa=1",
      gives: "--set: method.betaa is not a known key; did you mean method.beta?"),
    BadInput(
      "no value", "run: {}", set: "method.beta",
      gives: "--set: method.beta must be key=value, such as method.beta=1e-4"),
    BadInput(
      "a section", "run: {}", set: "method=1",
      gives: "--set: method is a section: set one of its keys, such as method.name"),
    BadInput(
      "an entry of a mapping", "run: {}", set: "evaluation.sets.seen=a.txt",
      gives: "--set: evaluation.sets.seen is a part of evaluation.sets, which is set as a whole"),
    BadInput(
      "a value that is not YAML", "run: {}", set: "model.lora.targets=[to_q",
      gives: "--set: model.lora.targets: not valid YAML: did not find expected ',' or ']' "
        + "(while parsing a flow sequence)"),
    BadInput(
      "targets without brackets", "run: {}", set: "model.lora.targets=to_q, to_k",
      gives: "--set: model.lora.targets must be a list of distinct module names, "
        + "one at least, got to_q, to_k; write it as [to_q, to_k]"),
    BadInput(
      "a key given twice", "run: {}", set: "rewards=[{name: a, name: b}]",
      gives: "--set: rewards: name given here, and again further down in the same mapping: keep one"
    ),
    BadInput(
      "nothing for a path", "run: {}", set: "run.output=",
      gives: "--set: run.output must be a path, got null"),
    BadInput(
      "an option", "run: {}", set: "run.resume=latest",
      gives: "--set: run.resume is not a known key; "
        + "a run goes on by an option: prdp train --resume latest"),
    BadInput(
      "an anchor", "run: {}", set: "run.output=&a b",
      gives: "--set: run.output: anchors (&) are not accepted: repeat the value, "
        + "or quote the text"),
    BadInput(
      "a rule broken by an override", "method: {beta: 1}", set: "method.beta=-1",
      gives: "--set: method.beta must be a number above 0, got -1"),
    BadInput(
      "a rule between keys that an override breaks", "method:\n  omitLastSteps: 3",
      set: "sampler.steps=3",
      gives: "--set: method.omitLastSteps is 3, not below sampler.steps, which is 3: "
        + "no step would be left to train on"),
  ]

  /// Keys of the paper and of other trainers, each with the advice on it.
  static let foreignKeys = [
    ("method.N", "did you mean method.promptsPerEpoch?"),
    ("N", "did you mean method.promptsPerEpoch?"),
    ("method.B", "did you mean method.imagesPerPrompt?"),
    ("K", "did you mean method.innerSteps?"),
    ("T", "did you mean sampler.steps?"),
    ("method.clip_range", "did you mean method.clipRange?"),
    ("method.epsilon", "did you mean method.clipRange?"),
    ("epsilon", "did you mean optimizer.epsilon?"),
    ("model.lora.r", "did you mean model.lora.rank?"),
    ("lora_r", "did you mean model.lora.rank?"),
    ("lora", "did you mean model.lora?"),
    ("optimizer.wd", "did you mean optimizer.weightDecay?"),
    ("optimizer.learning_rate", "did you mean optimizer.learningRate?"),
    ("run.lr", "did you mean optimizer.learningRate?"),
    ("optimizer.grad_clip", "did you mean optimizer.maxGradientNorm?"),
    ("sampler.cfg_scale", "did you mean sampler.guidance?"),
    ("method.prompts", "did you mean method.promptsPerEpoch?"),
    ("prompts", "did you mean data.prompts?"),
    ("reward", "did you mean rewards?"),
    ("eval", "did you mean evaluation?"),
    ("optim", "did you mean optimizer?"),
    ("num_processes", "did you mean cluster.slots?"),
    ("resume", "a run goes on by an option: prdp train --resume latest"),
    (
      "checkpoint.resume_from_checkpoint",
      "a run goes on by an option: prdp train --resume latest"
    ),
    ("run.debug", "the checks are turned on by an option: prdp train --debug"),
    (
      "cluster.hostfile",
      "the machines are named in cluster.hosts: [{name: node1, slots: 8}, …]"
    ),
    (
      "method.gradient_accumulation_steps",
      "an optimiser step takes in the whole epoch, method.microBatch samples at a time"
    ),
    ("mixed_precision", "did you mean model.dtype?"),
    ("optimizer.lr_scheduler", "did you mean optimizer.schedule?"),
    (
      "logging.wandb",
      "it is not supported: metrics go to metrics.jsonl and, by logging.tensorboard, to event files"
    ),
    ("logging.use_tensorboard", "did you mean logging.tensorboard?"),
  ]
}
