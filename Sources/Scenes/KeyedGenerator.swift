/// A pseudo-random sequence that its key alone decides, on every machine and Swift version; its
/// helpers draw numbers without the standard library's, whose results may change.
///
/// - Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014
///   (SplitMix64).
public struct KeyedGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The sequence of `key`.
  public init(key: UInt64) {
    state = key
  }

  /// The sequence's next 64 bits.
  public mutating func next() -> UInt64 {
    defer { state &+= increment }
    return splitMix(state)
  }

  /// 64 bits that look random and that `key` and `value` alone decide.
  static func hash(_ value: UInt64, key: UInt64) -> UInt64 {
    splitMix(key ^ mix(value))
  }
}

/// The first number of the SplitMix64 generator with the seed `value`: a bijection of 64 bits in
/// which every bit of the result depends on every bit of `value`.
///
/// - Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public func splitMix(_ value: UInt64) -> UInt64 { mix(value &+ increment) }

/// What a SplitMix64 generator's state grows by at each number.
private let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

/// What a SplitMix64 generator makes of its state.
private func mix(_ state: UInt64) -> UInt64 {
  var bits = state
  bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
  return bits ^ bits >> 31
}

extension RandomNumberGenerator {
  /// A number in [0, 1), a multiple of 2^-24.
  public mutating func unit() -> Float {
    Float(next() >> 40) * 0x1p-24
  }

  /// A number in `range`.
  mutating func uniform(_ range: ClosedRange<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * unit()
  }

  /// A number in 0..<`bound`, each with the same probability but for 1 in 2^40.
  public mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
