import TestSupport
import Testing
import Torch

@testable import Training

@Suite struct DenoiserStageTests {
  @Test func aNetworkThatPredictsNothingIsOffByTheNoise() throws {
    try withTemporaryFolder { folder in
      let model = try DebugFixture.model(in: folder.path)
      for parameter in model.unetParameters.parameters
      where parameter.name.hasPrefix("conv_out.") {
        try parameter.tensor.scaleInPlace(by: 0)
      }
      let stage = try DenoiserStage(model, PretrainingConfiguration())
      let batch = SceneBatch(
        places: 0..<3, seed: 1, noiseCount: DebugFixture.latentElementCount)
      let square = batch.noise.reduce(0) { $0 + Double($1) * Double($1) }
      let expected = square / Double(batch.noise.count)
      #expect(try abs(stage.loss(batch).item() - expected) < 1e-5)
    }
  }
}
