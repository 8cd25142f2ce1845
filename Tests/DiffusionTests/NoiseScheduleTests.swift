import Diffusion
import Foundation
import Testing

@Suite struct NoiseScheduleTests {
  @Test func alphasAreTheFloat32NumbersOfDiffusers() throws {
    for golden in try ScheduleFixture.load().schedules {
      let alphasCumprod = try NoiseSchedule(golden.config).alphasCumprod
      #expect(alphasCumprod.count == golden.config.trainTimestepCount, "\(golden.name)")
      for pair in golden.values {
        // A processor without fused multiply-add may round a beta otherwise.
        let difference = abs(alphasCumprod[Int(pair[0])] - pair[1])
        #expect(difference <= 1e-6 * pair[1], "\(golden.name), timestep \(pair[0])")
      }
      #expect(abs(alphasCumprod.reduce(0, +) / golden.sum - 1) < 1e-7, "\(golden.name)")
    }
  }

  @Test func explicitBetasMultiplyUp() throws {
    let schedule = try NoiseSchedule(
      SchedulerConfiguration(trainTimestepCount: 2, trainedBetas: [0.5, 0.25]))
    #expect(schedule.betas == [0.5, 0.25])
    #expect(schedule.alphasCumprod == [0.5, 0.375])
  }

  @Test(arguments: [
    (
      SchedulerConfiguration(trainTimestepCount: 0),
      "num_train_timesteps must be from 1 to 100000, got 0"
    ),
    (
      SchedulerConfiguration(betaStart: -1, betaSchedule: .linear),
      "beta at timestep 0 must be from 1e-7 to below 1, got -1.0"
    ),
    (
      SchedulerConfiguration(betaEnd: 1),
      "beta at timestep 999 must be from 1e-7 to below 1, got 1.0"
    ),
    (
      SchedulerConfiguration(trainTimestepCount: 2, trainedBetas: [0.1, 1e-9]),
      "beta at timestep 1 must be from 1e-7 to below 1, got 1e-09"
    ),
    (
      SchedulerConfiguration(trainedBetas: [0.1]),
      "trained_betas must be 1000 betas, one for each training timestep, got 1"
    ),
    (
      SchedulerConfiguration(betaStart: 0.9, betaEnd: 0.9),
      "alphabar at timestep 999 must be above 0: use smaller betas, got 0.0"
    ),
    (
      SchedulerConfiguration(rescalesToZeroSNR: true),
      "rescale_betas_zero_snr = true is not supported: where nothing but noise is left, a network must "
        + "predict velocity"
    ),
  ])
  func badBetasAreRefused(configuration: SchedulerConfiguration, message: String) {
    let error = #expect(throws: DiffusionError.self) { try NoiseSchedule(configuration) }
    #expect(error?.description == message)
  }
}
