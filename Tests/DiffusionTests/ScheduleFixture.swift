import Diffusion
import Foundation
import Testing

/// What scripts/golden/schedule_golden.py wrote.
struct ScheduleFixture: Decodable {
  struct Schedule: Decodable, CustomTestStringConvertible {
    let name: String
    let config: SchedulerConfiguration
    let sum: Double
    /// Pairs of training timestep and alphabar.
    let values: [[Double]]
    var testDescription: String { name }
  }

  struct Timesteps: Decodable, CustomTestStringConvertible {
    let spacing: TimestepSpacing
    let offset: Int
    let lists: [[Int]]
    let checksum: Int
    let refused: [Int]
    var testDescription: String { "\(spacing), offset \(offset)" }
  }

  struct Plan: Decodable, CustomTestStringConvertible {
    let scheduler: String
    let config: SchedulerConfiguration
    let count: Int
    let eta: Double
    /// Timestep, factor of the sample, factor of the prediction, standard deviation.
    let steps: [[Double]]
    /// Deviation of the noise at the start; 1 where it is not given.
    let start: Double?
    var testDescription: String {
      "\(scheduler) \(config.timestepSpacing) \(config.predictionType) T=\(count) eta=\(eta)"
    }
  }

  let schedules: [Schedule]
  let timesteps: [Timesteps]
  let plans: [Plan]

  static func load() throws -> ScheduleFixture {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/schedule.json")
    return try JSONDecoder().decode(ScheduleFixture.self, from: Data(contentsOf: file))
  }
}
