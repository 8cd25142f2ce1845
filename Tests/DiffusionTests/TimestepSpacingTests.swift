import Diffusion
import Testing

@Suite struct TimestepSpacingTests {
  @Test(arguments: [
    (TimestepSpacing.leading, [751, 501, 251, 1]),
    (.trailing, [999, 749, 499, 249]),
    (.linspace, [999, 666, 333, 0]),
  ])
  func fourStepsAreTheseTimesteps(spacing: TimestepSpacing, expected: [Int]) throws {
    #expect(try spacing.timesteps(stepCount: 4, trainTimestepCount: 1000, offset: 1) == expected)
  }

  @Test func everyStepCountHasTheTimestepsOfDiffusers() throws {
    for golden in try ScheduleFixture.load().timesteps {
      for list in golden.lists {
        let timesteps = try golden.spacing.timesteps(
          stepCount: list.count, trainTimestepCount: 1000, offset: golden.offset)
        #expect(timesteps == list, "\(golden.testDescription)")
      }
      var checksum = 0
      for count in 1...1000 where !golden.refused.contains(count) {
        let timesteps = try golden.spacing.timesteps(
          stepCount: count, trainTimestepCount: 1000, offset: golden.offset)
        let weighted = timesteps.enumerated().reduce(0) { $0 + ($1.offset + 1) * $1.element }
        checksum = (checksum * 31 + weighted) % (1 << 31)
      }
      #expect(checksum == golden.checksum, "\(golden.testDescription)")
    }
  }

  @Test func aStepCountAtWhichDiffusersRunsOverKeepsItsNumberOfSteps() throws {
    let timesteps = try TimestepSpacing.trailing.timesteps(
      stepCount: 61, trainTimestepCount: 1000, offset: 0)
    #expect(timesteps.count == 61)
    #expect(timesteps.first == 999)
    #expect(timesteps.last == 15)
  }

  @Test(arguments: [
    (0, 1, "the number of sampling steps must be from 1 to 1000, got 0"),
    (1001, 0, "the number of sampling steps must be from 1 to 1000, got 1001"),
    (
      1000, 1,
      "timestep with leading spacing, 1000 steps and steps_offset 1 must be from 0 to 999, got 1000"
    ),
  ])
  func impossibleStepsAreRefused(stepCount: Int, offset: Int, message: String) {
    let error = #expect(throws: DiffusionError.self) {
      try TimestepSpacing.leading.timesteps(
        stepCount: stepCount, trainTimestepCount: 1000, offset: offset)
    }
    #expect(error?.description == message)
  }
}
