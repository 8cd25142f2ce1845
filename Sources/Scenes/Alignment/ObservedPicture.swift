import Images

/// A picture as the reward looks at it.
struct ObservedPicture {
  /// Rows and columns.
  static let side = SceneRenderer.side

  /// [H, W]
  let pixels: [RGB]
  /// The colour of the background: the median, channel by channel, of the pixels along the edge,
  /// which no object reaches and a few stray pixels do not move.
  let background: RGB

  init(_ image: Image) {
    let samples = image.pixels
    pixels = (0..<Self.side * Self.side).map {
      RGB(byte: samples[$0 * 3], samples[$0 * 3 + 1], samples[$0 * 3 + 2])
    }
    background = RGB(
      byte: Self.edgeMedian(of: samples, channel: 0), Self.edgeMedian(of: samples, channel: 1),
      Self.edgeMedian(of: samples, channel: 2))
  }

  private static func edgeMedian(of samples: [UInt8], channel: Int) -> UInt8 {
    var counts = [Int](repeating: 0, count: 256)
    var total = 0
    for line in 0..<side {
      for depth in [0, side - 1] {
        counts[Int(samples[(line * side + depth) * 3 + channel])] += 1
        counts[Int(samples[(depth * side + line) * 3 + channel])] += 1
        total += 2
      }
    }
    var passed = 0
    let median = counts.firstIndex { count in
      passed += count
      return passed * 2 >= total
    }
    return UInt8(median ?? 0)
  }
}
