import Foundation
import Testing
import Torch

@testable import StableDiffusion

@Suite struct EmbeddingsTests {
  @Test func sinusoidsOfATimestep() throws {
    // Frequencies 1 and 10,000^(-1/2), or with a shift of one 1 and 10,000^-1.
    for (shift, slowest) in [(0.0, 0.01), (1.0, 0.0001)] {
      for cosineFirst in [true, false] {
        let timesteps = try Timesteps(
          width: 4, frequencyShift: shift, cosineFirst: cosineFirst, on: .cpu)
        let values: [Float] = try timesteps(Tensor([Float(0), 3], shape: [2])).values()
        let sines = [sin(3), sin(3 * slowest)]
        let cosines = [cos(3), cos(3 * slowest)]
        let expected =
          cosineFirst ? [1, 1, 0, 0] + cosines + sines : [0, 0, 1, 1] + sines + cosines
        #expect(values.count == expected.count)
        for (value, expected) in zip(values, expected) {
          #expect(abs(Double(value) - expected) < 1e-6)
        }
      }
    }
  }
}
