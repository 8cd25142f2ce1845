import Foundation

/// Maps numbers to places along a line, and says where its ticks are.
struct Axis {
  let range: ClosedRange<Double>
  let isLogarithmic: Bool
  /// In pixels; the lower end first.
  let start: Double
  let end: Double
  /// Few round numbers within the range.
  let ticks: [Double]

  /// An axis over `range` from the pixel `start` to `end`.
  ///
  /// - Parameters:
  ///   - tickCount: About how many ticks there are.
  ///   - wholeNumbers: Whether ticks are whole numbers only.
  init(
    _ range: ClosedRange<Double>, from start: Double, to end: Double, tickCount: Int,
    wholeNumbers: Bool = false, isLogarithmic: Bool = false
  ) {
    self.range = range
    self.isLogarithmic = isLogarithmic
    self.start = start
    self.end = end
    ticks =
      isLogarithmic
      ? Self.powersOfTen(in: range, count: tickCount)
      : Self.roundNumbers(in: range, count: tickCount, wholeNumbers: wholeNumbers)
  }

  /// The pixel of a number, which may lie outside of the range.
  func place(_ value: Double) -> Double {
    func scaled(_ value: Double) -> Double { isLogarithmic ? log10(value) : value }
    let width = scaled(range.upperBound) - scaled(range.lowerBound)
    guard width > 0 else { return (start + end) / 2 }
    return start + (end - start) * (scaled(value) - scaled(range.lowerBound)) / width
  }

  /// A tick's number with as many digits as tell it from the next one.
  func label(_ tick: Double) -> String {
    guard !isLogarithmic, ticks.count > 1 else { return Wording.number(tick, digits: 3) }
    let step = ticks[1] - ticks[0]
    let greatest = ticks.map(abs).max() ?? 0
    if tick == 0 { return "0" }
    if greatest >= 1e6 || greatest < 1e-3 { return Wording.number(tick, digits: 3) }
    let digits = max(0, -Int(floor(log10(step) + 1e-9)))
    return digits == 0
      ? Wording.count(Int(tick.rounded())) : String(format: "%.\(digits)f", tick)
  }

  /// The range of some numbers with some room at both ends, also where they are all the same.
  static func range(of values: [Double], from floor: Double? = nil) -> ClosedRange<Double> {
    var least = values.min() ?? 0
    var greatest = values.max() ?? 1
    if let floor { least = min(least, floor) }
    if greatest - least <= abs(greatest) * 1e-9 {
      let room = greatest == 0 ? 1 : abs(greatest) * 0.1
      return (floor == least ? least : least - room)...greatest + room
    }
    let room = (greatest - least) * 0.06
    greatest += room
    // What begins at its floor begins at the axis.
    if least != floor { least -= room }
    return least...greatest
  }

  private static func roundNumbers(
    in range: ClosedRange<Double>, count: Int, wholeNumbers: Bool
  ) -> [Double] {
    let raw = (range.upperBound - range.lowerBound) / Double(max(count, 1))
    guard raw > 0, raw.isFinite else { return [range.lowerBound] }
    let power = pow(10, floor(log10(raw)))
    var step = ([1, 2, 5].first { $0 * power >= raw * 0.999 } ?? 10) * power
    if wholeNumbers { step = max(step, 1) }
    let first = (range.lowerBound / step).rounded(.up)
    let last = (range.upperBound / step).rounded(.down)
    guard last >= first, last - first < 100 else { return [range.lowerBound] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  private static func powersOfTen(in range: ClosedRange<Double>, count: Int) -> [Double] {
    let first = Int(log10(range.lowerBound).rounded(.up))
    let last = Int(log10(range.upperBound).rounded(.down))
    guard last >= first else { return [range.lowerBound, range.upperBound] }
    let step = max(1, (last - first + count) / count)
    return stride(from: first, through: last, by: step).map { pow(10, Double($0)) }
  }
}
