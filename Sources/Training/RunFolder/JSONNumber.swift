/// A number that is written as null where it is infinite or no number, which JSON cannot say.
@propertyWrapper
public struct JSONNumber: Encodable, Equatable, Sendable {
  /// The number.
  public var wrappedValue: Double

  /// A number to be written.
  public init(wrappedValue: Double) {
    self.wrappedValue = wrappedValue
  }

  /// Writes the number, or null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if wrappedValue.isFinite {
      try container.encode(wrappedValue)
    } else {
      try container.encodeNil()
    }
  }
}
