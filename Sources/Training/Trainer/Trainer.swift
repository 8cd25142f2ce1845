import ClusterConfiguration
import Diffusion
import Foundation
import MPI
import PRDP
import Rewards
import StableDiffusion
import Torch
import TorchNN

/// Fine-tunes a diffusion model with PRDP, together with the other ranks.
///
/// Everything that a user can get wrong is loaded and checked by the initialiser; what it throws is
/// the same on all ranks.
public final class Trainer {
  /// Whether a run goes on from a checkpoint.
  public enum Resume: Sendable, Equatable {
    /// A new run, in a folder that holds no checkpoints.
    case never
    /// From the newest valid checkpoint of the run folder; a new run where there is none.
    case latest
    /// From the checkpoint at a path.
    case checkpoint(path: String)
  }

  let configuration: RunConfiguration
  let communicator: Communicator
  let prompts: TrainingPrompts
  let share: PromptShare
  let evaluationSets: [(name: String, file: PromptFile)]
  /// What the images are worth. A test may put a reward of its own here before the run.
  var reward: WeightedReward
  /// What evaluations alone score images by.
  var heldOut: [WeightedReward.Term]
  let policy: Policy
  let plan: SamplingPlan
  let method: PRDPConfiguration
  let klLimit: KLLimit?
  let sampler: RolloutSampler
  var policyGradient: PolicyGradient
  let optimizer: AdamW
  /// Follows the trained weights, and is evaluated in their place; `nil` where none is asked for.
  let average: ExponentialMovingAverage?
  let schedule: LearningRateSchedule
  let gradient: FlatGradient
  let averager: GradientAverager
  let timer = PhaseTimer()
  /// Where the run stands; all that a checkpoint holds beside tensors.
  var state: TrainingState
  /// The run folder; on rank 0 alone.
  private(set) var folder: RunFolder?
  private(set) var metrics: MetricsWriter?
  private(set) var events: EventLog?
  private(set) var display: ProgressDisplay?
  var lock: RunFolderLock?
  /// On rank 0 alone.
  private var owner: RunOwner?
  /// Saves the run; `nil` for one without a folder. A test may put one that fails here.
  var saver: CheckpointSaver?
  /// What the newest checkpoint holds, as far as it can differ within a step.
  var saved: RunProgress?
  /// The best evaluated step whose checkpoint counts.
  var keptBest: BestCheckpoint?
  /// For how long the save that is under way made training wait.
  var secondsBlocked = 0.0
  /// This rank's trajectories of the epoch that is under way.
  var inFlight: [Rollout] = []
  /// What this rank got no score for when it last drew images.
  var missingScores = MissingScores()
  /// Seconds that scoring took, beside the drawing of images, since the last record of a step.
  var scoringSeconds = 0.0
  /// Of the scores that were paid for; `nil` where none is kept.
  private(set) var ledger: ScoreLedger?
  private var timeTaken = ContinuousClock.now
  private var isInEpoch = false
  /// The checkpoint that the run goes on from; `nil` for a new run.
  var restored: CheckpointName?
  /// Whether the run came to its end before it was taken up again: nothing is left to do.
  private(set) var isFinished = false
  /// Whether someone wants the run to stop.
  let stop: StopRequest
  /// The step at which the run stops though there is more to do; `nil`: none.
  var lastStep: Int?
  var time: TimeLimit
  /// Whether the run goes on from a checkpoint.
  private(set) var isResumed = false
  /// The part of the run that this rank is at, and how many of its images or passes are left.
  var part = (name: "starting", remainingCount: 0)
  /// Is told what this rank does from now on, and after how many optimiser steps: a phase, a part of
  /// the run, or waiting for the other ranks.
  public var onProgress: ((_ operation: String, _ step: Int) -> Void)?
  /// Is shown each optimiser step. For debugging.
  var inspector: (any StepInspector)?

  /// Loads everything that the configuration names, and the checkpoint to go on from.
  ///
  /// - Parameters:
  ///   - isLaunched: Whether a launcher started the run: it keeps others out of the run folder.
  ///   - stop: The run looks at it where it could save and stop.
  /// - Throws: `AgreedFailure` when any rank finds something wrong.
  public convenience init(
    _ configuration: RunConfiguration, communicator: Communicator, device: Device, resume: Resume,
    isLaunched: Bool = false, stop: StopRequest = StopRequest()
  ) throws {
    try self.init(configuration, communicator: communicator, device: device, stop: stop)
    try communicator.agreed { try openRunFolder(resume, isLaunched: isLaunched) }
    try communicator.agreed(sayWhatPromptsAreLike)
    let saver = try restore(resume)
    isResumed = saver != nil
    isFinished = try resume == .latest && cameToItsEnd(saver)
    try communicator.agreed {
      try openLog()
      try openLedger()
    }
    self.saver = CheckpointSaver(
      communicator, folder: RunFolder.checkpoints(in: configuration.run.output),
      retention: retention, owner: owner, warn: { [weak self] in self?.warn($0) })
  }

  /// Loads everything that the configuration names, and neither reads nor writes a run folder.
  ///
  /// - Parameter standard: A model to take with random weights in place of the configured one.
  /// - Throws: `AgreedFailure` when any rank finds something wrong.
  public init(
    _ configuration: RunConfiguration, standard: StandardModel? = nil, communicator: Communicator,
    device: Device, stop: StopRequest = StopRequest()
  ) throws {
    self.configuration = configuration
    self.stop = stop
    time = TimeLimit(seconds: configuration.cluster.timeLimit, since: stop.start)
    self.communicator = communicator
    let parts = try communicator.agreed {
      [timer] in
      try TrainerParts(
        configuration, standard: standard, communicator, device: device, timer: timer)
    }
    prompts = try TrainingPrompts.load(
      configuration, tokenizer: parts.policy.model.textEncoders[0].tokenizer, reward: parts.reward,
      communicator)
    try parts.requireTheSame(onAllRanksOf: communicator, prompts)
    evaluationSets = parts.evaluationSets
    reward = parts.reward
    heldOut = parts.heldOut
    policy = parts.policy
    plan = parts.plan
    method = parts.method
    klLimit = parts.klLimit
    sampler = parts.sampler
    policyGradient = parts.policyGradient
    optimizer = parts.optimizer
    average = parts.average
    gradient = parts.gradient
    state = TrainingState(
      configuration: configuration.yaml(), modelSHA256: parts.modelSHA256,
      promptsSHA256: prompts.sha256)
    schedule = LearningRateSchedule(configuration)
    averager = try GradientAverager(
      parts.gradient, parts.buckets, over: communicator,
      wireType: GradientAverager.WireType(named: configuration.optimizer.gradientType),
      isSharded: configuration.optimizer.sharded)
    share = PromptShare(
      of: configuration.method.promptsPerEpoch, rank: communicator.rank,
      rankCount: communicator.size)
    timer.onChange = { [weak self] in self?.tellProgress($0) }
  }

  private func openRunFolder(_ resume: Resume, isLaunched: Bool) throws {
    guard communicator.rank == 0 else { return }
    if case .checkpoint(let path) = resume,
      !FileManager.default.fileExists(atPath: "\(path)/\(Checkpoint.commitName)")
    {
      throw TrainingError(
        "--resume", expected: "latest, never, or the folder of a checkpoint, .../step-00000010",
        found: "\(path), which holds no \(Checkpoint.commitName)")
    }
    let folder = try RunFolder(path: configuration.run.output)
    self.folder = folder
    let logging = configuration.logging
    // Before the folder is locked and its checkpoints are looked at, of which there may be something
    // to say.
    display = ProgressDisplay(
      logging.progress, epochCount: configuration.run.epochs,
      evaluationEveryEpochs: configuration.evaluation.everyEpochs,
      lineEveryEpochs: logging.everyEpochs)
    lock = try RunFolderLock(
      folder: folder.path, goingOn: isLaunched ? { [weak self] in self?.warn($0) } : nil)
    guard resume == .never, try checkpoints(in: folder.checkpoints).newestValid() != nil else {
      return
    }
    throw TrainingError(
      folder.checkpoints, expected: "no checkpoints, for a new run",
      found: "those of an earlier run",
      advice: "go on with it by --resume latest, or choose another run.output")
  }

  private func openLog() throws {
    guard let folder, !isFinished else { return }
    owner = try RunOwner(takingOver: folder)
    try checkThatNothingWasSavedSince(in: folder)
    metrics = try MetricsWriter(
      path: folder.metrics, resumingAt: isResumed ? state.step : nil,
      redoingEvaluation: state.isEvaluationDue,
      warn: { [weak self] in self?.warn($0) })
    if configuration.logging.tensorboard {
      events = EventLog(
        folder: folder.tensorboard, resumingAt: isResumed ? state.step : nil,
        warn: { [weak self] in self?.warn($0) })
    }
    log(
      .start(
        MetricsRecord.Start(
          step: state.step, time: Date.now.formatted(.iso8601), ranks: communicator.size)))
    if !isResumed || !FileManager.default.fileExists(atPath: folder.identity) {
      try RunIdentity(
        configurationSHA256: sha256(of: Data(configuration.lastingSettings.utf8)),
        modelSHA256: state.modelSHA256, promptsSHA256: state.promptsSHA256
      ).write(to: folder.identity)
    }
    try DiskOperations().replaceFile(
      folder.configuration, contents: Data(configuration.yaml().utf8))
    // A summary says that the run is at its end.
    try DiskOperations().remove(folder.summary)
  }

  /// Says what there is to say of the prompts, on rank 0.
  private func sayWhatPromptsAreLike() throws {
    guard let display else { return }
    prompts.notes.forEach(display.note)
    prompts.warnings.forEach(warn)
    for set in evaluationSets {
      guard let overlap = try prompts.overlap(with: set.name, set.file) else { continue }
      overlap.isWarning ? warn(overlap.text) : display.note(overlap.text)
    }
  }

  /// Opens this rank's ledger, where there is anything to pay for.
  private func openLedger() throws {
    guard configuration.scoring.ledger, !isFinished,
      (reward.terms + heldOut).contains(where: { $0.reward is any PaidReward })
    else { return }
    let rank = communicator.rank
    ledger = try ScoreLedger(
      folder: RunFolder.ledger(in: configuration.run.output), rank: rank,
      seeds: ScoreSeeds(
        training: UInt64(configuration.run.seed),
        evaluation: UInt64(configuration.evaluation.seed)),
      advice: RunFolder.advice
    ) { ServiceReward.writeToStandardError("warning: rank \(rank): \($0)") }
    if let count = ledger?.count, count > 0 {
      display?.note("the ledger holds \(count) scores, which are not paid for again")
    }
  }

  /// Says what a person should know and the run survives.
  func warn(_ text: String) {
    display?.warn(text)
  }

  /// Adds the time since this was last called to the run's.
  func takeTime() {
    let now = ContinuousClock.now
    let seconds = (now - timeTaken) / .seconds(1)
    state.seconds += seconds
    if isInEpoch { state.trainingSeconds += seconds }
    timeTaken = now
  }

  /// Runs `body` on the account of training.
  func timingTraining<Value>(_ body: () throws -> Value) rethrows -> Value {
    takeTime()
    isInEpoch = true
    defer {
      takeTime()
      isInEpoch = false
    }
    return try body()
  }
}
