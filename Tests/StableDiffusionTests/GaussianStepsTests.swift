import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct GaussianStepsTests {
  /// Predicts a known function of all that it is given.
  struct KnownPredictor: NoisePredictor {
    func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws -> Tensor
    {
      let shift = try context.features.sum(axes: [1, 2]) + timesteps
      return try sample * 2 + shift.reshaped([-1, 1, 1, 1])
    }
  }

  static func plan(setAlphaToOne: Bool = false) throws -> SamplingPlan {
    try SamplingPlan(
      SchedulerConfiguration(setAlphaToOne: setAlphaToOne), stepCount: 10, eta: 1)
  }

  @Test func everyElementOfABatchTakesItsOwnStep() throws {
    let plan = try Self.plan()
    let steps = [plan.steps[0], plan.steps[7]]
    let gaussian = try GaussianSteps(steps, on: .cpu)
    #expect(try gaussian.timesteps.values() == steps.map { Float($0.timestep) })
    let sample = try Tensor.randn(seed: 1, shape: [2, 1, 2, 2])
    let prediction = try Tensor.randn(seed: 2, shape: [2, 1, 2, 2])
    let mean = try gaussian.mean(sample: sample, prediction: prediction)
    #expect(mean.dtype == .float64)
    let (x, p) = (try sample.values(as: Double.self), try prediction.values(as: Double.self))
    for (index, found) in try mean.values(as: Double.self).enumerated() {
      let step = steps[index / 4]
      let expected = step.sampleCoefficient * x[index] + step.predictionCoefficient * p[index]
      #expect(abs(found - expected) < 1e-12)
    }
  }

  @Test func theLogProbabilityIsTheGaussiansWithoutItsConstant() throws {
    let plan = try Self.plan()
    let steps = [plan.steps[3], plan.steps[9]]
    let gaussian = try GaussianSteps(steps, on: .cpu)
    let mean = try Tensor([0, 0, 0, 0, 1, 1, 1, 1] as [Double], shape: [2, 1, 2, 2])
    // Two deviations of one element off; one deviation in each of four.
    let sigma = steps.map(\.sigma)
    let next =
      try mean
      + Tensor(
        [2 * sigma[0], 0, 0, 0, sigma[1], -sigma[1], sigma[1], sigma[1]], shape: [2, 1, 2, 2])
    let found = try gaussian.logProbability(of: next, mean: mean).values(as: Double.self)
    #expect(found.count == 2)
    for found in found { #expect(abs(found + 2) < 1e-12) }
  }

  @Test func itsDifferencesAreThoseOfTheDensity() throws {
    let step = try Self.plan().steps[5]
    let gaussian = try GaussianSteps([step], on: .cpu)
    let next = try Tensor([0.3], shape: [1, 1, 1, 1])
    func found(_ mean: Double) throws -> Double {
      try gaussian.logProbability(of: next, mean: Tensor([mean], shape: [1, 1, 1, 1])).item()
    }
    func density(_ mean: Double) -> Double {
      let z = (0.3 - mean) / step.sigma
      return exp(-z * z / 2) / (step.sigma * (2 * Double.pi).squareRoot())
    }
    #expect(abs(try found(0.1) - found(0.4) - log(density(0.1) / density(0.4))) < 1e-10)
  }

  @Test func theGradientOfTheLogProbabilityPointsFromTheMeanToTheSample() throws {
    let step = try Self.plan().steps[5]
    let mean = try Tensor([0.1, 0.2], shape: [1, 1, 1, 2])
    try mean.setRequiresGradient(true)
    let next = try Tensor([0.3, 0.1], shape: [1, 1, 1, 2])
    try GaussianSteps([step], on: .cpu).logProbability(of: next, mean: mean).backward()
    let found = try #require(try mean.gradient()).values(as: Double.self)
    for (found, difference) in zip(found, [0.2, -0.1]) {
      #expect(abs(found * step.sigma * step.sigma - difference) < 1e-12)
    }
  }

  @Test func theDivergenceIsSymmetricAndMeasuredInDeviations() throws {
    let steps = try Self.plan().steps
    let gaussian = try GaussianSteps([steps[0], steps[9]], on: .cpu)
    let a = try Tensor.zeros(shape: [2, 1, 1, 2], dtype: .float64)
    // Three deviations off in one element: 9 / 2 nats.
    let b = try Tensor([3 * steps[0].sigma, 0, 0, 3 * steps[9].sigma], shape: [2, 1, 1, 2])
    for found in try gaussian.klDivergence(a, b).values(as: Double.self) {
      #expect(abs(found - 4.5) < 1e-12)
    }
    #expect(
      try gaussian.klDivergence(a, b).values(as: Double.self)
        == gaussian.klDivergence(b, a).values())
    #expect(try gaussian.klDivergence(b, b).values() == [0.0, 0])
  }

  @Test func aStepWithoutNoiseHasNoLogProbabilityAndNoDivergence() throws {
    let last = try #require(Self.plan(setAlphaToOne: true).steps.last)
    let gaussian = try GaussianSteps([last], on: .cpu)
    let (a, b) = (try Tensor.zeros(shape: [1, 1, 1, 1]), try Tensor.full(1, shape: [1, 1, 1, 1]))
    #expect(try gaussian.logProbability(of: a, mean: b).item() == 0)
    #expect(try gaussian.klDivergence(a, b).item() == 0)
  }

  static let guided: [(scale: Double, expected: [[Double]])] = [
    (1, [[7, 9], [34, 36]]), (3, [[15, 17], [92, 94]]),
  ]

  @Test(arguments: guided)
  func guidanceIsAddedToTheEmptyPromptsPrediction(scale: Double, expected: [[Double]]) throws {
    let sample = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 1, 1, 2])
    let conditioning = Conditioning(
      context: TextContext(features: try Tensor([5, 30] as [Float], shape: [2, 1, 1])),
      emptyContext: TextContext(features: try Tensor([1] as [Float], shape: [1, 1, 1])),
      guidanceScale: scale)
    let found = try KnownPredictor().guided(
      sample, timesteps: Tensor([0, -2] as [Float], shape: [2]), conditioning)
    // Row 0: 2x + 5 given, 2x + 1 without; row 1: 2x + 28 and 2x - 1.
    #expect(found.summary == "float64 [2, 1, 1, 2]")
    #expect(try found.values() == expected.flatMap(\.self))
  }

  @Test func aRunStartsFromTheFirstNoiseAndAddsTheOthersInTurn() throws {
    let plan = try Self.plan()
    let noise = try Tensor.randn(seed: 9, shape: [2, 11, 1, 2, 2])
    let conditioning = Conditioning(
      context: TextContext(features: try .zeros(shape: [2, 1, 1])),
      emptyContext: TextContext(features: try .zeros(shape: [1, 1, 1])),
      guidanceScale: 1)
    var previous: Tensor?
    let end = try plan.run(noise: noise, predictor: KnownPredictor(), conditioning) { step throws in
      func slice(_ index: Int) throws -> Tensor {
        try noise.narrowed(axis: 1, index..<index + 1).reshaped([2, 1, 2, 2])
      }
      let start = try previous ?? slice(0)
      #expect(try step.sample.values(as: Float.self) == start.values())
      let next = try step.mean + slice(step.index + 1) * plan.steps[step.index].sigma
      #expect(step.next.dtype == .float32)
      #expect(try relativeDifference(step.next, from: next) < 1e-6)
      previous = step.next
    }
    #expect(try end.values(as: Float.self) == #require(previous).values())
  }
}
