import ClusterConfiguration
import Diffusion
import Foundation
import Images
import MPI
import RankChecks
import Rewards
import StableDiffusion
import Synchronization
import TensorBoard
import Torch
import TorchNN

@testable import Training

/// A small run of the embedded model. Its shares are uneven on 2, 3 and 4 ranks.
func smallRun() -> RunConfiguration {
  var configuration = RunConfiguration()
  configuration.cluster.threadsPerRank = 1
  configuration.method.promptsPerEpoch = 5
  configuration.method.imagesPerPrompt = 4
  configuration.method.innerSteps = 2
  configuration.method.microBatch = 4
  configuration.method.omitLastSteps = 1
  configuration.sampler.steps = 3
  configuration.evaluation.sets = []
  configuration.logging.progress = .none
  // Several buckets even of the small adapters.
  configuration.optimizer.bucketMegabytes = 0.2
  return configuration
}

/// The trainer of one that leaves no files.
private func trainer(
  _ world: Communicator, change: (inout RunConfiguration) -> Void = { _ in }
) throws -> Trainer {
  var configuration = smallRun()
  change(&configuration)
  return try Trainer(configuration, communicator: world, device: .cpu)
}

/// The trained weights after an epoch, one after another.
private func weights(_ trainer: Trainer) throws -> [Float] {
  _ = try trainer.runEpoch()
  return try trainer.policy.trainable.flatMap { try $0.tensor.detached().values(as: Float.self) }
}

/// The gradient of the first step.
private func gradient(_ trainer: Trainer) throws -> [Double] {
  trainer.inFlight = try trainer.communicator.agreed(trainer.drawRollouts)
  _ = try trainer.findAdvantages()
  _ = try trainer.averageGradient(trainer.inFlight, inner: 0)
  return try trainer.gradient.sum.values()
}

/// The norm of the difference over the norm.
private func distance(_ actual: [Double], _ expected: [Double]) -> Double {
  func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  return norm(zip(actual, expected).map { $0 - $1 }) / norm(expected)
}

/// Fails as a device does whose memory holds `capacity` samples, after one pass that went well.
private final class SmallDevice: NoisePredictor {
  private let network: any NoisePredictor
  private let capacity: Int
  private var passCount = 0

  init(network: any NoisePredictor, capacity: Int) {
    self.network = network
    self.capacity = capacity
  }

  func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws -> Tensor {
    passCount += 1
    guard passCount == 1 || sample.shape[0] <= capacity else {
      throw TensorError.outOfMemory(operation: "conv2d", reason: "too many samples")
    }
    return try network(sample, timesteps: timesteps, context: context)
  }
}

/// Gives a prediction that is no number.
private struct BrokenDevice: NoisePredictor {
  let network: any NoisePredictor

  func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws -> Tensor {
    try network(sample, timesteps: timesteps, context: context) * Double.nan
  }
}

private struct FailingReward: Reward {
  let name = "failing"

  func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    throw TensorError.invalid(operation: "score", operands: [], reason: "the service is gone")
  }
}

/// Gives no score for some images of each prompt.
private struct ForgetfulReward: Reward {
  let name = "forgetful"
  let missingCount: Int

  func score(_ images: [Image], prompts: [String]) -> [Score] {
    images.indices.map { index in
      index < missingCount ? .missing(reason: "forgotten") : .value(Double(index))
    }
  }
}

/// Counts the images that it is asked about, and gives a score for all of them or for none.
private final class CountingReward: Reward {
  let name = "counting"
  private let isForgetful: Bool
  private let counter = Mutex(0)

  var imageCount: Int { counter.withLock { $0 } }

  init(isForgetful: Bool) {
    self.isForgetful = isForgetful
  }

  func score(_ images: [Image], prompts: [String]) -> [Score] {
    counter.withLock { $0 += images.count }
    return images.map { _ in isForgetful ? .missing(reason: "forgotten") : .value(1) }
  }
}

let trainerChecks = [
  RankCheck("theGradientIsThatOfOneRank") { world, findings in
    let alone = try world.split(color: world.rank)
    let expected = try gradient(trainer(alone))
    let actual = try gradient(trainer(world))
    // Sums in float64 of the same prompts' gradients, in another order.
    findings.expect(
      distance(actual, expected) < 1e-12, equals: true, "\(distance(actual, expected))")
  },
  RankCheck("theBaselinesGradientIsThatOfOneRank") { world, findings in
    func baseline(_ world: Communicator, microBatch: Int) throws -> Trainer {
      try trainer(world) {
        $0.method.name = .ddpo
        $0.method.advantages = .history
        $0.method.imagesPerPrompt = 1
        $0.method.microBatch = microBatch
      }
    }
    let alone = try world.split(color: world.rank)
    // A sample at a time; and several prompts at once, whose float32 sums the ranks group otherwise.
    for (microBatch, limit) in [(1, 1e-12), (1000, 1e-3)] {
      let (one, all) = try (
        baseline(alone, microBatch: microBatch), baseline(world, microBatch: microBatch)
      )
      let difference = try distance(gradient(all), gradient(one))
      findings.expect(difference < limit, equals: true, "\(microBatch): \(difference)")
      findings.expect(
        try all.findAdvantages() == one.findAdvantages(), equals: true, "the same history")
    }
  },
  RankCheck("whenGradientsAreSentDoesNotShowInThem") { world, findings in
    let expected = try weights(trainer(world) { $0.optimizer.bucketMegabytes = 1000 })
    let actual = try weights(trainer(world))
    findings.expect(actual == expected, equals: true, "the same bits")
  },
  RankCheck("aShardedOptimizerTakesTheSameSteps") { world, findings in
    // Without clipping, whose norm is added up in another order.
    let expected = try weights(trainer(world) { $0.optimizer.maxGradientNorm = 1e9 })
    let sharded = try trainer(world) {
      $0.optimizer.maxGradientNorm = 1e9
      $0.optimizer.sharded = true
    }
    let actual = try weights(sharded)
    findings.expect(actual == expected, equals: true, "the same bits")
    let own = try world.allGather(Int64(sharded.optimizer.parameters.count))
    findings.expect(
      own.reduce(0, +), equals: Int64(sharded.policy.trainable.count), "each has one owner")
    findings.expect(own.allSatisfy { $0 > 0 }, equals: true, "each rank has some: \(own)")
  },
  RankCheck("aShardedOptimizerClipsAsAWholeOneDoes") { world, findings in
    let limit = 1e-3
    let expected = try weights(trainer(world) { $0.optimizer.maxGradientNorm = limit })
    let actual = try weights(
      trainer(world) {
        $0.optimizer.maxGradientNorm = limit
        $0.optimizer.sharded = true
      })
    let distance = distance(actual.map(Double.init), expected.map(Double.init))
    findings.expect(distance < 1e-6, equals: true, "\(distance)")
  },
  RankCheck("memoryThatDoesNotSufficeOnOneRankHalvesTheMicroBatchOnAll") { world, findings in
    let expected = try gradient(trainer(world) { $0.method.microBatch = 2 })
    let trainer = try trainer(world) { $0.method.microBatch = 4 }
    if world.rank == world.size - 1 {
      trainer.policyGradient = trainer.policyGradient.with(
        SmallDevice(network: trainer.policyGradient.network, capacity: 3))
    }
    let actual = try gradient(trainer)
    findings.expect(trainer.policyGradient.microBatchCount, equals: 2, "microBatch")
    findings.expect(trainer.state.microBatchCount, equals: 2, "in the state that is saved")
    findings.expect(actual == expected, equals: true, "the gradient")
  },
  RankCheck("aDeviceThatHoldsNoSampleEndsTheRunOnAllRanks") { world, findings in
    let trainer = try trainer(world)
    if world.rank == 0 {
      trainer.policyGradient = trainer.policyGradient.with(
        SmallDevice(network: trainer.policyGradient.network, capacity: 0))
    }
    findings.expect(
      try failure(trainer).contains("out of memory"), equals: true, "\(try failure(trainer))")
  },
  RankCheck("anErrorOnOneRankEndsTheRunOnAll") { world, findings in
    let trainer = try trainer(world)
    if world.rank == world.size - 1 {
      trainer.reward = try WeightedReward([.init(FailingReward(), weight: 1)])
    }
    let reason = try failure(trainer)
    findings.expect(reason.contains("the service is gone"), equals: true, reason)
    findings.expect(
      reason.hasPrefix("rank \(world.size - 1)"), equals: world.size > 1, "who: \(reason)")
  },
  RankCheck("scoresThatAreMissingOnOneRankAreLeftOutOnAll") { world, findings in
    let trainer = try trainer(world) { $0.scoring.maxMissingFraction = 0.3 }
    let isLast = world.rank == world.size - 1
    trainer.reward = try WeightedReward([
      .init(ForgetfulReward(missingCount: isLast ? 1 : 0), weight: 1)
    ])
    let records = try trainer.runEpoch()
    // Images 0 to 3 score 0 to 3, and one of each of the last rank's prompts is missing.
    let count = Int(try world.allGather(Int64(trainer.share.range.count))[world.size - 1])
    findings.expect(records.map(\.missingScores), equals: [count, count], "missing")
    let mean = (Double(5 - count) * 6 + Double(count) * 6) / Double(20 - count)
    findings.expect(abs(records[0].rewardMean - mean) < 1e-12, equals: true, "the mean of the rest")
    let component = records[0].components["forgetful"]?.wrappedValue ?? 0
    findings.expect(abs(component - mean) < 1e-12, equals: true, "the component's")
  },
  RankCheck("tooManyMissingScoresOnOneRankEndTheRunOnAll") { world, findings in
    let trainer = try trainer(world) { $0.scoring.maxMissingFraction = 0.05 }
    let isLast = world.rank == world.size - 1
    trainer.reward = try WeightedReward([
      .init(ForgetfulReward(missingCount: isLast ? 3 : 0), weight: 1)
    ])
    guard case .failed(let reason, let status) = try trainer.run() else {
      return findings.expect("a run to its end", equals: "a failure", "outcome")
    }
    findings.expect(status, equals: 1, "exit status")
    findings.expect(reason.contains("of 20 images of epoch 1 have no score"), equals: true, reason)
    let cause = (world.size > 1 ? "rank \(world.size - 1): " : "; ") + "forgetful: forgotten"
    findings.expect(reason.contains(cause), equals: true, reason)
    findings.expect(trainer.state.step, equals: 0, "steps taken")
  },
  RankCheck("whereOneRankLacksTooManyScoresTheOthersDrawNoFurther") { world, findings in
    let trainer = try trainer(world) {
      $0.scoring.maxMissingFraction = 0.01
      $0.scoring.parallelPrompts = 1
      // Word of the other rank comes after some draws of all of them, on a busy machine after more.
      $0.method.promptsPerEpoch = 192
    }
    let reward = CountingReward(isForgetful: world.rank == world.size - 1)
    trainer.reward = try WeightedReward([.init(reward, weight: 1)])
    guard case .failed(let reason, _) = try trainer.run() else {
      return findings.expect("a run to its end", equals: "a failure", "outcome")
    }
    findings.expect(reason.contains("of 768 images of epoch 1 have no score"), equals: true, reason)
    // Some more may have been drawn before the first was known to have none.
    let share = trainer.share.range.count * 4
    findings.expect(
      reward.imageCount < share * 3 / 4, equals: true, "\(reward.imageCount) of \(share) images")
  },
  RankCheck("aNumberThatIsNoneOnOneRankEndsTheRunOnAll") { world, findings in
    let trainer = try trainer(world)
    if world.rank == world.size - 1 {
      trainer.policyGradient = trainer.policyGradient.with(
        BrokenDevice(network: trainer.policyGradient.network))
    }
    guard case .failed(let reason, let status) = try trainer.run() else {
      return findings.expect("a run to its end", equals: "a failure", "outcome")
    }
    findings.expect(status, equals: 3, "exit status")
    findings.expect(reason.contains("nan"), equals: true, reason)
    findings.expect(trainer.state.step, equals: 0, "steps taken")
  },
  RankCheck("aFlippedBitIsFoundAndTheRankNamed") { world, findings in
    let trainer = try trainer(world)
    _ = try trainer.runEpoch()
    try trainer.compareReplicas()
    guard world.size > 1 else { return }
    if world.rank == 1 {
      let tensor = trainer.policy.trainable[3].tensor
      var values = try tensor.detached().values(as: Float.self)
      values[0] = Float(bitPattern: values[0].bitPattern ^ 1)
      try tensor.assign(Tensor(values, shape: tensor.shape))
    }
    do {
      try trainer.compareReplicas()
      findings.expect("nothing", equals: "a mismatch", "found")
    } catch let failure as AgreedFailure {
      let isNamed = failure.description.contains("rank 1 (\(world.machineName))")
      findings.expect(isNamed, equals: true, "\(failure)")
      findings.expect(
        failure.description.contains("rank 0"), equals: world.size == 2, "\(failure)")
      findings.expect(failure.exitStatus, equals: 75, "exit status")
    }
  },
  RankCheck("aStaleFileOfTheModelIsRefusedAndItsMachineNamed") { world, findings in
    let copy = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID())").path
    let isStale = world.rank == world.size - 1 && world.size > 1
    defer { if isStale { try? FileManager.default.removeItem(atPath: copy) } }
    do {
      let path = try world.agreed { () -> String in
        let path = RunConfiguration().model.path
        guard isStale else { return path }
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        let file = URL(filePath: "\(copy)/scheduler/scheduler_config.json")
        try (Data(contentsOf: file) + Data("\n".utf8)).write(to: file)
        return copy
      }
      _ = try trainer(world) { $0.model.path = path }
      findings.expect(world.size, equals: 1, "ranks without a failure")
    } catch let failure as AgreedFailure {
      findings.expect(failure.causes.map(\.rank), equals: [world.size - 1], "\(failure)")
      findings.expect(
        failure.description.contains("settings of the model on \(world.machineName): expected "),
        equals: true, "\(failure)")
    }
  },
  RankCheck("histogramsOfAllRanksAddUp") { world, findings in
    let values = (0..<100).map { Double($0 * $0) / 64 - 20 }
    // The last rank has none where there are several.
    let owners = max(1, world.size - 1)
    let places = stride(from: world.rank, to: values.count, by: owners)
    let mine = Histogram(world.rank < owners ? places.map { values[$0] } : [])
    // Of sixty-fourths sums and squares are exact in any order.
    findings.expect(try mine.summed(over: world), equals: Histogram(values), "the sum")
  },
]

/// What ends a run, in words.
private func failure(_ trainer: Trainer) throws -> String {
  guard case .failed(let reason, _) = try trainer.run() else { return "no failure" }
  return reason
}

extension PolicyGradient {
  /// The same with another network.
  fileprivate func with(_ network: any NoisePredictor) -> PolicyGradient {
    PolicyGradient(
      network: network, emptyContext: emptyContext, plan: plan, trainedSteps: trainedSteps,
      guidanceScale: guidanceScale, microBatchCount: microBatchCount,
      reductionScale: reductionScale)
  }
}
