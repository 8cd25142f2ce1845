import TestSupport
import Testing
import Torch

@testable import Training

@Suite struct RankDeviceTests {
  @Test func aDenoiserInFloat32RulesTF32Out() async {
    await #expect(processExitsWith: .success) {
      let world = try DebugFixture.world()
      for dtype in [DType.float32, .bfloat16, .float16, .float32] {
        _ = try prepareDevice(.cpu, threadsPerRank: 1, dtype: dtype, communicator: world)
        #expect(try Runtime.allowsTF32() == (dtype != .float32))
      }
    }
  }
}
