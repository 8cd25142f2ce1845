import ClusterConfiguration
import Foundation
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct DebugRunTests {
  @Test func everyCheckIsALineAndPasses() throws {
    try withScratchFolder { folder in
      let (outcome, lines) = try DebugFixture.run(DebugFixture.configuration(in: folder))
      #expect(outcome == .completed, "\(lines.last ?? "")")
      for line in lines { print(line) }
      for name in [
        "tensors not finite among trajectories, epoch 2", "a trajectory drawn again, epoch 2",
        "|delta| before the first update, epoch 2", "log-probabilities of both passes, step 6",
        "two-pass gradient against autograd, step 6",
        "gradient against finite differences, step 6", "tensors not finite among optimiser, step 6",
      ] {
        #expect(lines.contains { $0.hasPrefix("check \(name): ") && $0.hasSuffix(") ok") }, "\(name)")
      }
      #expect(lines.last == "\(lines.count - 1) checks passed")
    }
  }
}
