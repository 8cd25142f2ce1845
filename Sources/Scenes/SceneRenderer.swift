import Images

/// Draws scenes: 64 by 64 pixels, anti-aliased.
public enum SceneRenderer {
  /// Rows and columns of a picture.
  public static let side = 64
  /// Samples of a picture: [3, 64, 64].
  public static let sampleCount = 3 * side * side

  /// A picture of `scene`; `layout` decides where the objects lie and how large exactly they are.
  public static func render(
    _ scene: Scene, layout generator: inout some RandomNumberGenerator
  ) -> Image {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: sampleCount) { samples in
      render(scene, layout: &generator, into: samples)
      let planeCount = side * side
      let pixels = [UInt8](unsafeUninitializedCapacity: sampleCount) { pixels, count in
        for pixel in 0..<planeCount {
          for channel in 0..<3 {
            pixels[pixel * 3 + channel] = UInt8(
              samples[channel * planeCount + pixel] * 127.5 + 128)
          }
        }
        count = sampleCount
      }
      return Image(width: side, height: side, pixels: pixels)
    }
  }

  /// Draws a picture of `scene` into `samples`, [3, 64, 64] in [-1, 1], as models take it. It is
  /// the picture that `render(_:layout:)` gives for the same sequence, before rounding to 8 bits.
  public static func render(
    _ scene: Scene, layout generator: inout some RandomNumberGenerator,
    into samples: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(samples.count == sampleCount, "\(samples.count) samples, not \(sampleCount)")
    let planeCount = side * side
    for (channel, level) in levels(of: scene.background.rgb).enumerated() {
      samples[channel * planeCount..<(channel + 1) * planeCount].update(repeating: level)
    }
    let layout = SceneLayout(of: scene, side: Float(side), using: &generator)
    for (object, place) in zip(scene.objects, layout.places) {
      draw(object, at: place, into: samples)
    }
  }

  private static func draw(
    _ object: Scene.Object, at place: SceneLayout.Place,
    into samples: UnsafeMutableBufferPointer<Float>
  ) {
    let planeCount = side * side
    let colors = levels(of: object.color.rgb)
    let (red, green, blue) = (colors[0], colors[1], colors[2])
    let scale = 1 / place.radius
    for row in pixels(around: place.y, radius: place.radius) {
      let y = (Float(row) + 0.5 - place.y) * scale
      for column in pixels(around: place.x, radius: place.radius) {
        let x = (Float(column) + 0.5 - place.x) * scale
        let coverage = min(0.5 - object.shape.distance(x, y) * place.radius, 1)
        guard coverage > 0 else { continue }
        let pixel = row * side + column
        samples[pixel] += coverage * (red - samples[pixel])
        samples[planeCount + pixel] += coverage * (green - samples[planeCount + pixel])
        samples[2 * planeCount + pixel] += coverage * (blue - samples[2 * planeCount + pixel])
      }
    }
  }

  /// The rows or columns that an object can touch.
  private static func pixels(around center: Float, radius: Float) -> Range<Int> {
    max(0, Int(center - radius - 1))..<min(side, Int(center + radius + 2))
  }

  private static func levels(of color: RGB) -> [Float] {
    [color.red, color.green, color.blue].map { $0 * 2 - 1 }
  }
}
