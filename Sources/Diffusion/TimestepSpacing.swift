/// How the timesteps of a sampling run spread over the training timesteps.
///
/// - Source: Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", Table 2;
///   diffusers 0.42.1, `set_timesteps` of scheduling_ddim.py and, to the same numbers,
///   scheduling_ddpm.py.
public enum TimestepSpacing: String, Sendable, Codable, CaseIterable {
  /// Whole multiples of the step from the clean end, plus an offset: Stable Diffusion's.
  case leading
  /// Multiples of the step from the noisy end, so that the first timestep is the last trained one.
  case trailing
  /// Evenly spaced with both ends.
  case linspace

  /// The timesteps in sampling order, noisiest first.
  ///
  /// - Parameters:
  ///   - stepCount: Sampling steps, from 1 to `trainTimestepCount`.
  ///   - trainTimestepCount: Timesteps the network was trained on.
  ///   - offset: Added to each timestep of `leading`; the others do not use it.
  /// - Throws: `DiffusionError.invalidValue` for a step count or offset out of range, and for an
  ///   offset that leads beyond the last training timestep.
  public func timesteps(
    stepCount: Int, trainTimestepCount: Int, offset: Int
  ) throws(DiffusionError) -> [Int] {
    guard stepCount >= 1, stepCount <= trainTimestepCount else {
      throw .invalidValue(
        name: "the number of sampling steps", expected: "from 1 to \(trainTimestepCount)",
        actual: "\(stepCount)")
    }
    guard (0...trainTimestepCount).contains(offset) else {
      throw .invalidValue(
        name: "steps_offset", expected: "from 0 to \(trainTimestepCount)", actual: "\(offset)")
    }
    let timesteps = spread(stepCount, over: trainTimestepCount, offset: offset)
    for timestep in timesteps where !(0..<trainTimestepCount).contains(timestep) {
      throw .invalidValue(
        name: "timestep with \(rawValue) spacing, \(stepCount) steps and steps_offset \(offset)",
        expected: "from 0 to \(trainTimestepCount - 1)", actual: "\(timestep)")
    }
    return timesteps
  }

  /// `linspace` without rounding, as float32 has it.
  static func evenlySpaced(stepCount: Int, trainTimestepCount: Int) -> [Double] {
    guard stepCount > 1 else { return [0] }
    let stride = Double(trainTimestepCount - 1) / Double(stepCount - 1)
    return (0..<stepCount).reversed().map { Double(Float(Double($0) * stride)) }
  }

  private func spread(_ stepCount: Int, over trainTimestepCount: Int, offset: Int) -> [Int] {
    let total = Double(trainTimestepCount)
    // Ties go to the even neighbour, as NumPy rounds.
    func rounded(_ value: Double) -> Int { Int(value.rounded(.toNearestOrEven)) }
    switch self {
    case .leading:
      let stride = trainTimestepCount / stepCount
      return (0..<stepCount).reversed().map { $0 * stride + offset }
    case .trailing:
      // numpy.arange takes the difference of its first two elements for the step. At some 60 step
      // counts (61, 103, ...) rounding gives diffusers one element more, timestep -1: left out here.
      let stride = (total - total / Double(stepCount)) - total
      return (0..<stepCount).map { rounded(total + Double($0) * stride) - 1 }
    case .linspace:
      guard stepCount > 1 else { return [0] }
      let stride = (total - 1) / Double(stepCount - 1)
      return (0..<stepCount).reversed().map { rounded(Double($0) * stride) }
    }
  }
}
