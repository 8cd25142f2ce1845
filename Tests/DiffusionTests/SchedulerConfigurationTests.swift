import Diffusion
import Foundation
import Testing

@Suite struct SchedulerConfigurationTests {
  @Test func whatIsWrittenIsReadBack() throws {
    let configuration = SchedulerConfiguration(
      trainTimestepCount: 3, trainedBetas: [0.1, 0.2, 0.3], predictionType: .velocity,
      timestepSpacing: .trailing, stepsOffset: 0, setAlphaToOne: true, rescalesToZeroSNR: true)
    #expect(try SchedulerConfiguration(json: configuration.json()) == configuration)
  }

  @Test func missingKeysHaveTheDefaultsOfDDIMScheduler() throws {
    let read = try SchedulerConfiguration(json: Data(#"{"clip_sample": false}"#.utf8))
    let expected = SchedulerConfiguration(
      betaStart: 0.0001, betaEnd: 0.02, betaSchedule: .linear, stepsOffset: 0, setAlphaToOne: true)
    #expect(read == expected)
  }

  @Test func theFileOfStableDiffusionIsRead() throws {
    let file = """
      {"_class_name": "PNDMScheduler", "_diffusers_version": "0.7.0.dev0", "beta_end": 0.012,
       "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
       "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
       "clip_sample": false}
      """
    #expect(try SchedulerConfiguration(json: Data(file.utf8)) == SchedulerConfiguration())
  }

  @Test(arguments: [
    (
      #"{}"#,
      "clip_sample = true is not supported: clipping x_0 breaks the step's log-probability; set it false"
    ),
    (
      #"{"clip_sample": false, "thresholding": true}"#,
      "thresholding = true is not supported: it breaks the step's log-probability; set it false"
    ),
    (
      #"{"clip_sample": false, "_class_name": "DDPMScheduler", "variance_type": "learned"}"#,
      "variance_type = learned is not supported: use fixed_small"
    ),
    (
      #"{"clip_sample": false, "prediction_type": "sample"}"#,
      "prediction_type = sample is not supported: use one of epsilon, v_prediction"
    ),
    (
      #"{"clip_sample": false, "beta_schedule": "sigmoid"}"#,
      "beta_schedule = sigmoid is not supported: use one of linear, scaled_linear, squaredcos_cap_v2"
    ),
  ])
  func whatHasNoGaussianStepIsRefused(file: String, message: String) {
    let error = #expect(throws: DiffusionError.self) {
      try SchedulerConfiguration(json: Data(file.utf8))
    }
    #expect(error?.description == message)
  }

  @Test(arguments: [
    "", "[1]", #"{"clip_sample": false, "steps_offset": "one"}"#, #"{"clip_sample": false"#,
  ])
  func whatIsNoSchedulerFileIsRefused(file: String) {
    let error = #expect(throws: DiffusionError.self) {
      try SchedulerConfiguration(json: Data(file.utf8))
    }
    #expect(error?.description.hasPrefix("scheduler_config.json cannot be read: ") == true)
  }
}
