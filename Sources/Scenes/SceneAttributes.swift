extension Scene {
  /// How large an object is; its word in captions is the raw value.
  public enum Size: String, Sendable, CaseIterable {
    case small
    case large

    /// Half the extent of an object in pixels of the 64 by 64 picture.
    public var radii: ClosedRange<Float> {
      switch self {
      case .small: 8...9
      case .large: 13...14
      }
    }
  }

  /// What an object is filled with; its word in captions is the raw value.
  public enum Color: String, Sendable, CaseIterable {
    case red
    case orange
    case yellow
    case lime
    case green
    case cyan
    case blue
    case purple
    case pink
    case brown

    /// The colour itself. Any two colours, backgrounds included, lie at least 0.45 apart in the
    /// unit cube of RGB, so that a picture may miss each channel by 0.1 and still be told.
    public var rgb: RGB {
      switch self {
      case .red: RGB(byte: 230, 15, 45)
      case .orange: RGB(byte: 255, 126, 0)
      case .yellow: RGB(byte: 255, 245, 30)
      case .lime: RGB(byte: 113, 250, 36)
      case .green: RGB(byte: 0, 145, 45)
      case .cyan: RGB(byte: 50, 240, 240)
      case .blue: RGB(byte: 20, 100, 250)
      case .purple: RGB(byte: 130, 20, 215)
      case .pink: RGB(byte: 255, 100, 205)
      case .brown: RGB(byte: 118, 68, 12)
      }
    }
  }

  /// The outline of an object; its word in captions is the raw value.
  public enum Shape: String, Sendable, CaseIterable {
    case circle
    case square
    case triangle
    case star
    case heart
    case cross
    case ring
    case diamond
    case crescent
    case hexagon
  }

  /// Where the first object lies, seen from the second; its words in captions are the raw value.
  public enum Relation: String, Sendable, CaseIterable {
    case leftOf = "left of"
    case rightOf = "right of"
    case above
    case below

    /// Where the second object lies, seen from the first.
    public var opposite: Relation {
      switch self {
      case .leftOf: .rightOf
      case .rightOf: .leftOf
      case .above: .below
      case .below: .above
      }
    }

    /// The direction from the second object to the first, in columns and rows (rows grow
    /// downwards).
    var direction: (x: Float, y: Float) {
      switch self {
      case .leftOf: (-1, 0)
      case .rightOf: (1, 0)
      case .above: (0, -1)
      case .below: (0, 1)
      }
    }
  }

  /// What lies behind the objects; its word in captions is the raw value.
  public enum Background: String, Sendable, CaseIterable {
    case white
    case black
    case gray
    case beige
    case navy

    /// The colour itself.
    public var rgb: RGB {
      switch self {
      case .white: RGB(byte: 255, 255, 255)
      case .black: RGB(byte: 0, 0, 0)
      case .gray: RGB(byte: 128, 128, 128)
      case .beige: RGB(byte: 228, 200, 146)
      case .navy: RGB(byte: 18, 28, 112)
      }
    }
  }
}
