import Testing
import Torch

@Suite struct AdamWStepTests {
  /// The algorithm as the paper has it, one weight at a time.
  struct Reference {
    var weight: Double
    var first = 0.0
    var second = 0.0
    var step = 0.0

    mutating func update(_ gradient: Double, _ c: AdamWCoefficients) {
      step += 1
      weight -= c.learningRate * c.weightDecay * weight
      first = c.beta1 * first + (1 - c.beta1) * gradient
      second = c.beta2 * second + (1 - c.beta2) * gradient * gradient
      func power(_ base: Double) -> Double {
        (0..<Int(step)).reduce(1) { value, _ in value * base }
      }
      let (mean, square) = (first / (1 - power(c.beta1)), second / (1 - power(c.beta2)))
      weight -= c.learningRate * mean / (square.squareRoot() + c.epsilon)
    }
  }

  @Test func tenStepsAreThoseOfThePaper() throws {
    var coefficients = AdamWCoefficients(
      learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.05)
    let lists = try State(parameters: [vector(1, -2), tensor([0.5], [1, 1])])
    var references = [1, -2, 0.5].map { Reference(weight: $0) }
    for step in 0..<10 {
      // The rate may change between steps.
      coefficients.learningRate = 0.1 / Double(1 + step)
      let gradients = [0.3, -0.7, 1e-4].map { $0 * Double(step - 4) }
      try lists.update(
        [vector(gradients[0], gradients[1]), tensor([gradients[2]], [1, 1])], coefficients)
      for index in references.indices { references[index].update(gradients[index], coefficients) }
    }
    let found = try lists.parameters.flatMap { try $0.values(as: Double.self) }
    for (found, reference) in zip(found, references) {
      #expect(abs(found - reference.weight) < 1e-12)
    }
    #expect(try lists.steps.map { try $0.item() } == [10, 10])
  }

  @Test func withoutAGradientOnlyTheDecayActs() throws {
    let lists = try State(parameters: [vector(1, -2)])
    try lists.update(
      [vector(0, 0)],
      AdamWCoefficients(
        learningRate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.5))
    #expect(try lists.parameters[0].values() == [0.75, -1.5])
  }

  @Test func theFirstStepIsTheLearningRateLongWhateverTheGradient() throws {
    let lists = try State(parameters: [vector(0, 0, 0)])
    try lists.update(
      [vector(1e-3, -4, 1e6)],
      AdamWCoefficients(learningRate: 0.25, beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0))
    for (found, expected) in zip(
      try lists.parameters[0].values(as: Double.self), [-0.25, 0.25, -0.25])
    {
      #expect(abs(found - expected) < 1e-12)
    }
  }

  @Test func listsThatDoNotMatchAreRefused() throws {
    let lists = try State(parameters: [vector(1, 2)])
    let coefficients = AdamWCoefficients(
      learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0)
    let count = #expect(throws: TensorError.self) { try lists.update([], coefficients) }
    #expect(
      count?.description
        == "adamWStep(0 tensors, 1 tensors, 1 tensors, 1 tensors): expected 1 of each")
    let shape = #expect(throws: TensorError.self) {
      try lists.update([vector(1, 2, 3)], coefficients)
    }
    #expect(
      shape?.description
        == "adamWStep(float64 [2]): tensor 0 must be like its parameter, double [2] on cpu; it is "
        + "double [3] on cpu")
    #expect(throws: TensorError.self) {
      try lists.update([Tensor([1, 2] as [Float], shape: [2])], coefficients)
    }
    // Nothing has moved.
    #expect(try lists.steps[0].item() == 0)
    #expect(try lists.parameters[0].values() == [1.0, 2])
  }

  private struct State {
    let parameters: [Tensor]
    let first: [Tensor]
    let second: [Tensor]
    let steps: [Tensor]

    init(parameters: [Tensor]) throws {
      self.parameters = parameters
      first = try parameters.map { try .zeros(shape: $0.shape, dtype: $0.dtype) }
      second = try parameters.map { try .zeros(shape: $0.shape, dtype: $0.dtype) }
      steps = try parameters.map { _ in try .zeros(shape: []) }
    }

    func update(_ gradients: [Tensor], _ coefficients: AdamWCoefficients) throws {
      try adamWStep(
        parameters: parameters, gradients: gradients, firstMoments: first, secondMoments: second,
        stepCounters: steps, coefficients)
    }
  }
}
