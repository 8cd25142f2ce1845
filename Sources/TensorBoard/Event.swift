import Foundation

/// What an event file is made of.
///
/// - Source: TensorFlow, tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
public struct Event: Sendable, Equatable {
  /// What an event says.
  public enum Content: Sendable, Equatable {
    /// The first event of a file.
    case fileVersion(String)
    /// Values of one step.
    case summary([SummaryValue])
    /// A program goes on from here: what an earlier file says of this step and later ones is void.
    case start
  }

  /// Seconds since 1970.
  public var wallTime: Double
  /// The step of the run; 0 before the first.
  public var step: Int
  /// What it says.
  public var content: Content

  /// The version that event files of today have.
  public static let fileVersion = "brain.Event:2"

  /// An event at a time and a step.
  public init(wallTime: Double, step: Int, content: Content) {
    self.wallTime = wallTime
    self.step = step
    self.content = content
  }
}

/// A value with a name. TensorBoard groups names by what stands before the first slash.
public struct SummaryValue: Sendable, Equatable {
  /// The kinds of values.
  public enum Content: Sendable, Equatable {
    case scalar(Float)
    case image(EncodedImage)
    case histogram(Histogram)
  }

  /// The name.
  public var tag: String
  /// The value.
  public var content: Content

  /// A value with a name.
  public init(_ tag: String, _ content: Content) {
    self.tag = tag
    self.content = content
  }

  /// A scalar.
  public init(_ tag: String, _ value: Double) { self.init(tag, .scalar(Float(value))) }
}

/// A picture as a PNG.
public struct EncodedImage: Sendable, Equatable {
  /// In pixels.
  public var width: Int
  /// In pixels.
  public var height: Int
  /// The encoded picture.
  public var png: Data

  /// A picture of a size.
  public init(width: Int, height: Int, png: Data) {
    self.width = width
    self.height = height
    self.png = png
  }
}

// MARK: - Messages

extension Event {
  private enum Field {
    static let wallTime = 1
    static let step = 2
    static let fileVersion = 3
    static let summary = 5
    static let session = 7
    /// Of a summary.
    static let value = 1
    /// Of a session.
    static let status = 1
  }

  /// The status of a session that starts.
  private static let started = 1

  var message: WireMessage {
    var message = WireMessage()
    message.add(Field.wallTime, wallTime)
    if step != 0 { message.add(Field.step, step) }
    switch content {
    case .fileVersion(let version): message.add(Field.fileVersion, version)
    case .summary(let values):
      var summary = WireMessage()
      for value in values { summary.add(Field.value, value.message) }
      message.add(Field.summary, summary)
    case .start:
      var session = WireMessage()
      session.add(Field.status, Self.started)
      message.add(Field.session, session)
    }
    return message
  }

  /// `nil` where the message is no event of a kind that is written here.
  init?(_ message: WireMessage) {
    wallTime = message.double(Field.wallTime) ?? 0
    step = message.integer(Field.step) ?? 0
    if let version = message.text(Field.fileVersion) {
      content = .fileVersion(version)
    } else if let bytes = message.byteStrings(Field.summary).last,
      let summary = WireMessage(bytes)
    {
      let values = summary.byteStrings(Field.value)
        .map { WireMessage($0).flatMap(SummaryValue.init) }
      guard !values.contains(nil) else { return nil }
      content = .summary(values.compactMap(\.self))
    } else if let bytes = message.byteStrings(Field.session).last,
      WireMessage(bytes)?.integer(Field.status) == Self.started
    {
      content = .start
    } else {
      return nil
    }
  }
}

extension SummaryValue {
  private enum Field {
    static let tag = 1
    static let scalar = 2
    static let image = 4
    static let histogram = 5
  }

  fileprivate var message: WireMessage {
    var message = WireMessage()
    message.add(Field.tag, tag)
    switch content {
    case .scalar(let value): message.add(Field.scalar, value)
    case .image(let image): message.add(Field.image, image.message)
    case .histogram(let histogram): message.add(Field.histogram, histogram.message)
    }
    return message
  }

  fileprivate init?(_ message: WireMessage) {
    guard let tag = message.text(Field.tag) else { return nil }
    self.tag = tag
    if let value = message.float(Field.scalar) {
      content = .scalar(value)
    } else if let bytes = message.byteStrings(Field.image).last,
      let image = WireMessage(bytes).flatMap(EncodedImage.init)
    {
      content = .image(image)
    } else if let bytes = message.byteStrings(Field.histogram).last,
      let histogram = WireMessage(bytes).flatMap(Histogram.init)
    {
      content = .histogram(histogram)
    } else {
      return nil
    }
  }
}

extension EncodedImage {
  private enum Field {
    static let height = 1
    static let width = 2
    static let colorSpace = 3
    static let png = 4
  }

  fileprivate var message: WireMessage {
    var message = WireMessage()
    message.add(Field.height, height)
    message.add(Field.width, width)
    // RGB.
    message.add(Field.colorSpace, 3)
    message.add(Field.png, png)
    return message
  }

  fileprivate init?(_ message: WireMessage) {
    guard let width = message.integer(Field.width), let height = message.integer(Field.height),
      let png = message.byteStrings(Field.png).last
    else { return nil }
    self.init(width: width, height: height, png: png)
  }
}
