import ClusterConfiguration
import StableDiffusion
import TestSupport
import Testing
import Torch

@testable import Training

struct PhaseBenchmarkTests {
  /// In a process of its own, since it counts the bytes of all tensors and all that is computed.
  @Test func phasesHaveTheirTimeAndTheirArithmetic() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        Runtime.manageCPUMemory()
        try Runtime.setThreadCount(1)
        let configuration = try DebugFixture.configuration(in: folder.path)
        let report = try PhaseBenchmark(
          configuration, communicator: DebugFixture.world(), device: .cpu
        ).run(epochCount: 2)
        let phases = Dictionary(uniqueKeysWithValues: report.phases.map { ($0.name, $0) })
        func arithmetic(_ name: String) throws -> Double {
          try #require(phases[name]).arithmeticCount
        }
        // Two prompts of 24 tokens through one layer of 16 features, and 32 inside.
        let (products, attention) = (24 * (4 * 16 * 16 + 2 * 16 * 32), 2 * 24 * 24 * 16)
        #expect(try arithmetic("encode") == Double(2 * 2 * (products + attention)))
        // The same network takes the same steps.
        #expect(try arithmetic("sample") > 0)
        #expect(try arithmetic("reference") == arithmetic("sample"))
        #expect(try arithmetic("gradient") > 0)
        #expect(try arithmetic("decode") > 0)
        #expect(try arithmetic("update") == 0)
        for name in ["encode", "sample", "decode", "reference", "gradient"] {
          let phase = try #require(phases[name])
          #expect(phase.seconds > 0 && phase.byteCount > 0)
          // So small operations are far from the rate of large ones.
          #expect(phase.secondsAlone > phase.secondsAtPeak && phase.secondsAtPeak > 0)
        }
        let seconds = report.phases.map(\.seconds).reduce(0, +)
        #expect(seconds < 1.5 * report.epochSeconds && seconds > 0.5 * report.epochSeconds)
        #expect(abs(report.imagesPerSecond * report.epochSeconds - 8) < 1e-9)
        #expect(report.productRate > 1e8 && report.convolutionRate > 1e8)
        #expect(report.tensorPeakByteCount > report.weightByteCount)
        #expect(report.processPeakByteCount > report.tensorPeakByteCount)
        #expect(report.text.contains("\nreference "))
      }
    }
  }
}
