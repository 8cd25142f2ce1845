import PRDP
import Testing
import Torch

@testable import Training

@Suite struct DebugCheckTests {
  @Test(arguments: [
    (0.0, 0.0, "check a: 0.0e+00 (limit 0.0e+00) ok"),
    (9e-7, 1e-6, "check a: 9.0e-07 (limit 1.0e-06) ok"),
    (2e-6, 1e-6, "check a: 2.0e-06 (limit 1.0e-06) FAILED"),
    (.nan, 1e-6, "check a: nan (limit 1.0e-06) FAILED"),
  ])
  func aFigureIsComparedWithItsLimit(figure: Double, limit: Double, line: String) {
    var lines: [String] = []
    let checks = CheckReport { lines.append($0) }
    let error = errorText { try checks.check("a", figure, limit: limit) }
    #expect(lines == [line])
    #expect((error == nil) == line.hasSuffix("ok"))
    #expect(checks.count == (error == nil ? 1 : 0))
  }

  @Test func theLargestOfNumbersWithNaNIsNaN() {
    #expect([1, .nan, 2].largest.isNaN)
    #expect([1, 3, 2].largest == 3)
    #expect([Double]().largest == 0)
  }

  // B = 2, S = 1, beta = 2, eps = .1, r = (3, 1): the clipped branch, loss .5625, as worked out by
  // hand for the objective's own test; only the second trajectory is inside the clip range.
  @Test func theRecordedLossAndItsGradientByHand() throws {
    func column(_ values: [Double]) -> StepMatrix {
      StepMatrix(trajectoryCount: 2, stepCount: 1, values: values)
    }
    let trained = try column([-1.5, -2.05]).tensor()
    try trained.setRequiresGradient(true)
    let loss = try #require(
      try recordedLoss(
        trained, old: column([-2, -2]), reference: column([-2.2, -2.1]), rewards: [3, 1],
        PRDPConfiguration(beta: 2, clipRange: 0.1, reduction: .sum, omittedLastStepCount: 0)))
    try loss.backward()
    #expect(abs(try loss.item() - 0.5625) < 1e-12)
    let gradient: [Double] = try #require(try trained.gradient()).values()
    #expect(abs(gradient[0]) < 1e-12 && abs(gradient[1] - 1.5) < 1e-12)
  }

  @Test func tiedPairsHaveNoRecordedLoss() throws {
    let zero = StepMatrix(trajectoryCount: 2, stepCount: 1, values: [0, 0])
    #expect(
      try recordedLoss(
        zero.tensor(), old: zero, reference: zero, rewards: [1, 1],
        PRDPConfiguration(beta: 2, clipRange: 0.1, reduction: .sum, omittedLastStepCount: 0))
        == nil)
  }
}
