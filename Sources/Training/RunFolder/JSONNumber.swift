/// A number that is written as null where it is infinite or no number, which JSON cannot say.
@propertyWrapper
struct JSONNumber: Encodable, Equatable, Sendable {
  /// The number.
  var wrappedValue: Double

  /// Writes the number, or null.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if wrappedValue.isFinite {
      try container.encode(wrappedValue)
    } else {
      try container.encodeNil()
    }
  }
}
