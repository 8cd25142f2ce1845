import Foundation

/// How often values lie in which range. All histograms have the same buckets, so that those of
/// several ranks can be added.
public struct Histogram: Sendable, Equatable {
  /// The least value; infinity where there is none.
  public var least: Double
  /// The greatest value; minus infinity where there is none.
  public var greatest: Double
  /// The sum of the values.
  public var sum: Double
  /// The sum of their squares.
  public var sumOfSquares: Double
  /// How many values lie in each bucket, as many as ``limits``.
  public var counts: [Double]

  /// The upper ends of the buckets: 25 % apart in magnitude from 1e-6 to 1e6 on both sides of 0, one
  /// bucket for all that is nearer to 0. Values beyond are in the outermost.
  public static let limits: [Double] = {
    let magnitudes = (0...Int(bucketsPerDecade * 12)).map {
      pow(10, Double($0) / bucketsPerDecade - 6)
    }
    return magnitudes.reversed().map { -$0 } + magnitudes + [.greatestFiniteMagnitude]
  }()

  private static let bucketsPerDecade = 10.0

  /// The histogram of some values, all of them finite.
  public init(_ values: some Sequence<Double>) {
    (least, greatest, sum, sumOfSquares) = (.infinity, -.infinity, 0, 0)
    counts = Array(repeating: 0, count: Self.limits.count)
    for value in values {
      least = min(least, value)
      greatest = max(greatest, value)
      sum += value
      sumOfSquares += value * value
      counts[Self.bucket(of: value)] += 1
    }
  }

  /// The first bucket whose limit is above `value`.
  private static func bucket(of value: Double) -> Int {
    var range = 0..<limits.count - 1
    while !range.isEmpty {
      let middle = (range.lowerBound + range.upperBound) / 2
      range = value < limits[middle] ? range.lowerBound..<middle : middle + 1..<range.upperBound
    }
    return range.lowerBound
  }
}

// MARK: - Messages

extension Histogram {
  private enum Field {
    static let least = 1
    static let greatest = 2
    static let count = 3
    static let sum = 4
    static let sumOfSquares = 5
    static let limits = 6
    static let counts = 7
  }

  /// The buckets from the first with a value to the last.
  private var range: Range<Int> {
    guard let first = counts.firstIndex(where: { $0 > 0 }),
      let last = counts.lastIndex(where: { $0 > 0 })
    else { return 0..<0 }
    return first..<last + 1
  }

  var message: WireMessage {
    var message = WireMessage()
    message.add(Field.least, least)
    message.add(Field.greatest, greatest)
    message.add(Field.count, counts.reduce(0, +))
    message.add(Field.sum, sum)
    message.add(Field.sumOfSquares, sumOfSquares)
    message.add(Field.limits, packed: Array(Self.limits[range]))
    message.add(Field.counts, packed: Array(counts[range]))
    return message
  }

  /// `nil` where the message has other buckets.
  init?(_ message: WireMessage) {
    guard let least = message.double(Field.least), let greatest = message.double(Field.greatest),
      let sum = message.double(Field.sum), let squares = message.double(Field.sumOfSquares),
      let limits = message.doubles(packed: Field.limits),
      let counts = message.doubles(packed: Field.counts), counts.count == limits.count
    else { return nil }
    self.init([])
    (self.least, self.greatest, self.sum, sumOfSquares) = (least, greatest, sum, squares)
    guard let limit = limits.first else { return }
    guard let first = Self.limits.firstIndex(of: limit),
      Self.limits[first...].starts(with: limits)
    else { return nil }
    self.counts.replaceSubrange(first..<first + counts.count, with: counts)
  }
}
