import Foundation
import MPI
import PRDP
import Torch
import TorchNN

/// The algorithm: an epoch draws trajectories and scores them, then takes K steps on all of them.
extension Trainer {
  /// Takes one epoch, or what is left of it after a resume. Each optimiser step is recorded as soon as
  /// it is taken.
  ///
  /// - Returns: The records; none where the KL limit ends the run.
  /// - Throws: `AgreedFailure`, the same on all ranks, or ``NumericalFailure``; ``Preempted``.
  @discardableResult
  func runEpoch() throws -> [MetricsRecord.Step] {
    let (promptCount, inners) = (
      configuration.method.promptsPerEpoch, configuration.method.innerSteps
    )
    let sampleStart = ContinuousClock.now
    inFlight = try communicator.agreed(drawRollouts)
    // The drawing can be stopped; the gradient, which may take as long, cannot.
    time.expect(seconds: (ContinuousClock.now - sampleStart) / .seconds(1))
    if state.inner == 0 { try checkMissingScores() }
    try checkIn()
    let rewardHistory = try findAdvantages()
    let rollouts = inFlight
    try inspector?.trajectoriesAreDrawn(self, rollouts)
    let sampling = try SamplingStatistics(
      rollouts, termCount: reward.terms.count, promptCount: promptCount, share, communicator)
    guard sampling.kl.allSteps.isFinite else {
      throw NumericalFailure.kl(value: "\(sampling.kl.allSteps)", epoch: state.epoch + 1)
    }
    let slowdown: Double
    switch klLimit?.decision(atKL: sampling.kl.allSteps) ?? .proceed {
    case .proceed: slowdown = 1
    case .slow(let factor): slowdown = factor
    case .stop: return []
    }
    let imageCount = state.imageCount + promptCount * configuration.method.imagesPerPrompt

    var records: [MetricsRecord.Step] = []
    for inner in state.inner..<inners {
      let objectives = try averageGradient(rollouts, inner: inner)
      let inspected = InspectedStep(
        rollouts: rollouts, objectives: objectives.compactMap { $0 as? PromptObjective },
        inner: inner)
      try inspector?.gradientIsReady(self, inspected)

      optimizer.coefficients.learningRate =
        configuration.optimizer.learningRate * schedule.factor(at: state.step) * slowdown
      let gradientNorm = try timer.measure(.update, updateParameters)
      state.step += 1
      if state.step.isMultiple(of: configuration.cluster.compareEverySteps) {
        try compareReplicas()
      }
      try inspector?.parametersWereUpdated(self, inspected, gradientNorm: gradientNorm)

      let statistics = try StepStatistics(
        objectives, promptCount: promptCount, share, communicator)
      let record = MetricsRecord.Step(
        epoch: state.epoch + 1, inner: inner + 1, step: state.step, loss: statistics.loss,
        gradientNorm: gradientNorm, clipFraction: statistics.clipFraction,
        tiedPairFraction: statistics.tiedPairFraction, rewardMean: sampling.rewardMean,
        rewardDeviation: sampling.rewardDeviation,
        components: namedComponents(sampling.componentMeans),
        missingScores: sampling.missingCount, kl: sampling.kl.trainedSteps,
        klAllSteps: sampling.kl.allSteps,
        learningRate: optimizer.coefficients.learningRate, images: imageCount,
        seconds: MetricsRecord.Seconds(timer.take(), scoring: scoringSeconds))
      scoringSeconds = 0
      log(.step(record))
      try logLogRatios(of: objectives)
      records.append(record)
      if inner + 1 < inners { try endInnerStep() }
    }
    state.rewardHistory = rewardHistory
    endEpoch(imageCount: imageCount)
    return records
  }

  /// What comes between two optimiser steps of an epoch: the trajectories are still needed.
  private func endInnerStep() throws {
    state.inner += 1
    try checkIn()
    if isSaveDue { try save() }
  }

  private func endEpoch(imageCount: Int) {
    state.epoch += 1
    state.inner = 0
    state.imageCount = imageCount
    state.isEvaluationDue = true
    inFlight = []
    policy.forgetContexts()
  }

  /// Images of an epoch, over all ranks.
  var epochImageCount: Int {
    configuration.method.promptsPerEpoch * configuration.method.imagesPerPrompt
  }

  /// Refuses an epoch with too many images that have no score. Collective.
  private func checkMissingScores() throws {
    try checkMissingScores(
      missingScores, count: inFlight.reduce(0) { $0 + $1.missingCount }, of: epochImageCount,
      in: "epoch \(state.epoch + 1)", limitingWatched: false)
  }

  /// What each term of the reward says on average, by its name.
  func namedComponents(_ means: [Double]) -> [String: JSONNumber] {
    Dictionary(
      uniqueKeysWithValues: zip(reward.terms, means).map {
        ($0.reward.name, JSONNumber(wrappedValue: $1))
      })
  }

  /// This rank's share of the epoch's trajectories, scored; not all of it where this rank wants the
  /// run to stop, or lacks more scores than an epoch may. Collective.
  func drawRollouts() throws -> [Rollout] {
    let there = Set(inFlight.map(\.position))
    let groups = share.groups(of: sampler.promptCount, inEpoch: state.epoch)
    let positions = groups.joined().filter { !there.contains($0) }
    let missingCount = inFlight.reduce(0) { $0 + $1.missingCount }
    var rollouts: [Rollout] = []
    var drawn: [Int: RolloutSampler.Drawn] = [:]
    begin("sampling", of: positions.count)
    let scores = try drawAndScore(
      by: reward, partCount: positions.count,
      missingLimit: missingLimit(of: epochImageCount) - Double(missingCount), isTimed: true
    ) { part in
      let position = positions[part]
      if drawn[position] == nil {
        // Whole groups, also where a part is there already: in other company, the same images have
        // other last bits.
        for group in groups where group.contains(position) {
          drawn = try Dictionary(uniqueKeysWithValues: zip(group, draw(group)))
        }
      }
      guard let (rollout, images) = drawn.removeValue(forKey: position) else {
        preconditionFailure("position \(position) is in no group of this rank")
      }
      rollouts.append(rollout)
      return DrawnImages(
        images: images, prompts: images.map { _ in rollout.prompt },
        places: images.indices.map {
          ImagePlace(set: ImagePlace.trainingSet, position: position, index: $0)
        })
    }
    let scored = zip(rollouts, scores).compactMap { rollout, scores in
      scores.map { rollout.scored($0) }
    }
    return (inFlight + scored).sorted { $0.position < $1.position }
  }

  /// The trajectories of the prompts at some positions, drawn in one batch.
  func draw(_ positions: Range<Int>) throws -> [RolloutSampler.Drawn] {
    try sampler.sample(
      positions.map { (try prompts.prompt(at: $0), $0) }, policyIsReference: state.step == 0)
  }

  /// The gradient of the loss, a mean over the prompts of all ranks. Collective.
  ///
  /// Where the memory of any rank's device does not suffice, all take half the micro-batch from then
  /// on, and do it again.
  ///
  /// - Parameter replayTolerance: How far a log-probability in training may lie from the one in
  ///   sampling before the first update; a tenth of the clip range where it is left out.
  /// - Returns: What this rank's prompts contribute.
  /// - Throws: `AgreedFailure`.
  func averageGradient(_ rollouts: [Rollout], inner: Int, replayTolerance: Double? = nil) throws
    -> [any StepObjective]
  {
    // What rounding left out is used up by an attempt, also one that fails.
    let residuals = averager.residuals
    while true {
      let (objectives, shortage) = try communicator.agreed {
        try timer.measure(.gradient) {
          try accumulateWithinMemory(rollouts, inner: inner, replayTolerance: replayTolerance)
        }
      }
      guard try communicator.allReduce(UInt8(shortage == nil ? 0 : 1), by: .max) == 1 else {
        return objectives
      }
      averager.residuals = residuals
      try communicator.agreed { try halveMicroBatch(shortage) }
    }
  }

  /// This rank's part of the gradient, and why it is not one where the device's memory did not
  /// suffice. The ranks' parts are added up when it returns or throws.
  private func accumulateWithinMemory(
    _ rollouts: [Rollout], inner: Int, replayTolerance: Double?
  ) throws -> (objectives: [any StepObjective], shortage: TensorError?) {
    let result = Result {
      try accumulateGradient(rollouts, inner: inner, replayTolerance: replayTolerance)
    }
    if case .failure = result { averager.giveUp() }
    do {
      try timer.measure(.communicate) { try averager.finish() }
      return (try result.get(), nil)
    } catch let error as TensorError {
      guard case .outOfMemory = error else { throw error }
      return ([], error)
    }
  }

  /// - Parameter shortage: What this rank's device lacked, if it did.
  private func halveMicroBatch(_ shortage: TensorError?) throws {
    let count = policyGradient.microBatchCount
    guard count > 1 else {
      throw shortage ?? .outOfMemory(operation: "another rank", reason: "even for one sample")
    }
    policyGradient.microBatchCount = count / 2
    state.microBatchCount = count / 2
    warn(
      "a device's memory does not suffice for \(count) samples at once: from step "
        + "\(state.step + 1) on method.microBatch is \(count / 2) on all ranks"
        + (shortage.map { "; \($0)" } ?? ""))
  }

  /// This rank's part of the gradient of the loss, which goes to the averager.
  private func accumulateGradient(
    _ rollouts: [Rollout], inner: Int, replayTolerance: Double?
  ) throws -> [any StepObjective] {
    let tolerance = replayTolerance ?? method.clipRange / 10
    let scale = 1 / Double(configuration.method.promptsPerEpoch)
    begin("training", of: rollouts.count)
    try gradient.reset()
    // The other ranks wait for this one's part in any case.
    if rollouts.isEmpty { try averager.addUp(scale: scale) }
    let groups = policyGradient.groups(of: rollouts)
    return try groups.enumerated().flatMap { index, group in
      let isLast = index == groups.count - 1
      var objectives: [any StepObjective] = []
      let replayed = try policyGradient.backpropagate(
        // At the first step the trained policy is still the old one: its l_it are known.
        through: group, at: inner == 0 ? group.map(\.old) : nil,
        weights: { logProbabilities in
          objectives = try zip(group, logProbabilities).map {
            try objective(of: $0, at: $1, inner: inner)
          }
          return objectives.map(\.weights)
        }, runLast: { try isLast ? averager.overlap(scale: scale, $0) : $0() })
      if inner == 0 {
        for (rollout, replayed) in zip(group, replayed) {
          try checkReplay(replayed, of: rollout, tolerance: tolerance)
        }
      }
      try isLast ? averager.addUp(scale: scale) : gradient.collect(scale: scale)
      for _ in group { advance() }
      return objectives
    }
  }

  /// - Parameter logProbabilities: l, [B][S].
  private func objective(
    of rollout: Rollout, at logProbabilities: StepMatrix, inner: Int
  ) throws -> any StepObjective {
    if configuration.method.name == .ddpo {
      return try DDPOObjective(
        logProbabilities: logProbabilities, old: rollout.old, reference: rollout.reference,
        advantages: rollout.advantages, clipRange: method.clips ? method.clipRange : nil)
    }
    if inner == 0 {
      return try PromptObjective(
        firstStepWithOld: rollout.old, reference: rollout.reference, rewards: rollout.rewards,
        configuration: method)
    }
    return try PromptObjective(
      logProbabilities: logProbabilities, old: rollout.old, reference: rollout.reference,
      rewards: rollout.rewards, configuration: method)
  }

  /// Clips the averaged gradient and takes an AdamW step, which the average of the weights follows.
  /// Collective.
  ///
  /// - Returns: The gradient's norm before it was clipped.
  /// - Throws: ``NumericalFailure``, the same on all ranks; `AgreedFailure`.
  func updateParameters() throws -> Double {
    let norm = try averager.norm()
    guard norm.isFinite else { throw NumericalFailure.gradient(norm: "\(norm)", step: state.step) }
    try communicator.agreed {
      _ = try gradient.clip(toNorm: configuration.optimizer.maxGradientNorm, from: norm)
      try optimizer.step(gradient.tensors(of: averager.ownedParameters))
    }
    try averager.shareParameters()
    try average?.update(updateIndex: state.step)
    return norm
  }

  /// The start-up invariant: before the first update of an epoch, training sees the
  /// log-probabilities that sampling saw.
  private func checkReplay(_ replayed: StepMatrix, of rollout: Rollout, tolerance: Double) throws {
    for trajectory in 0..<replayed.trajectoryCount {
      for step in 0..<replayed.stepCount {
        let difference = abs(replayed[trajectory, step] - rollout.old[trajectory, step])
        // Written so that NaN does not pass.
        guard difference <= tolerance else {
          throw NumericalFailure.replay(
            difference: "\(difference)", tolerance: tolerance, prompt: rollout.prompt,
            trajectory: trajectory, step: policyGradient.trainedSteps[step])
        }
      }
    }
  }
}

extension MetricsRecord.Seconds {
  fileprivate init(_ phases: [Phase: Double], scoring: Double) {
    self.init()
    self.scoring = scoring
    sample = [.encode, .sample, .decode].reduce(0) { $0 + (phases[$1] ?? 0) }
    reward = phases[.reward] ?? 0
    reference = phases[.reference] ?? 0
    gradient = phases[.gradient] ?? 0
    communicate = phases[.communicate] ?? 0
    update = phases[.update] ?? 0
  }
}
