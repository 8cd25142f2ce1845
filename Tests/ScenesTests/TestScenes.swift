import Foundation
import Images

@testable import Scenes

/// Scenes and pictures that several tests look at.
enum TestScenes {
  static let side = SceneRenderer.side

  /// Random training scenes, one in five with one object.
  static func sample(_ count: Int, key: UInt64, oneObjectShare: Float = 0.2) -> [Scene] {
    var generator = KeyedGenerator(key: key)
    return (0..<count).map { _ in
      ScenePrompts.random(
        from: .training, oneObjectShare: oneObjectShare, using: &generator
      ).scene
    }
  }

  /// A true rendering; `key` decides the layout.
  static func picture(of scene: Scene, key: UInt64) -> Image {
    var generator = KeyedGenerator(key: key)
    return SceneRenderer.render(scene, layout: &generator)
  }

  /// A picture of one colour.
  static func blank(_ color: RGB) -> Image {
    painted { _, _ in color }
  }

  /// A picture of the colours that `color` gives for each column and row.
  static func painted(_ color: (_ x: Int, _ y: Int) -> RGB) -> Image {
    let pixels = (0..<side * side).flatMap { pixel in
      let color = color(pixel % side, pixel / side)
      return [color.red, color.green, color.blue].map { byte(Double($0) * 255) }
    }
    return Image(width: side, height: side, pixels: pixels)
  }

  /// An object in the middle whose outline lies between those of two shapes: `share` 0 is `first`.
  static func morph(
    _ first: Scene.Shape, _ second: Scene.Shape, share: Float, color: RGB, background: RGB
  ) -> Image {
    let radius: Float = 13.5
    return painted { column, row in
      let (x, y) = ((Float(column) + 0.5 - 32) / radius, (Float(row) + 0.5 - 32) / radius)
      let distance = (1 - share) * first.distance(x, y) + share * second.distance(x, y)
      let coverage = min(1, max(0, 0.5 - distance * radius))
      return RGB(
        red: background.red + coverage * (color.red - background.red),
        green: background.green + coverage * (color.green - background.green),
        blue: background.blue + coverage * (color.blue - background.blue))
    }
  }

  private static func byte(_ value: Double) -> UInt8 {
    UInt8(min(255, max(0, value.rounded())))
  }
}

extension Scene {
  /// The scene in words.
  func caption(_ template: ScenePrompt.Template) -> String {
    ScenePrompt(scene: self, template: template).text
  }
}

extension Image {
  /// The picture with Gaussian noise on each sample; `deviation` in units of the whole range.
  func withNoise(_ deviation: Double, using generator: inout KeyedGenerator) -> Image {
    Image(
      width: width, height: height,
      pixels: pixels.map { sample in
        // Box and Muller's transform.
        let length = (-2 * log(1 - Double(generator.unit()))).squareRoot()
        let noise = length * cos(2 * .pi * Double(generator.unit()))
        return UInt8(min(255, max(0, (Double(sample) + noise * deviation * 255).rounded())))
      })
  }

  /// The picture with each channel raised or lowered as a whole.
  func shifted(red: Int, green: Int, blue: Int) -> Image {
    let shifts = [red, green, blue]
    return Image(
      width: width, height: height,
      pixels: pixels.enumerated().map { index, sample in
        UInt8(min(255, max(0, Int(sample) + shifts[index % 3])))
      })
  }

  /// The picture blurred with a Gaussian of the given standard deviation in pixels.
  func blurred(_ deviation: Double) -> Image {
    let reach = Int((3 * deviation).rounded(.up))
    let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * deviation * deviation)) }
    let total = weights.reduce(0, +)
    // Along the rows, then along the columns; the edge pixels go on beyond the edge.
    var samples = pixels.map(Double.init)
    for (columnStep, rowStep) in [(1, 0), (0, 1)] {
      let source = samples
      for y in 0..<height {
        for x in 0..<width {
          for channel in 0..<3 {
            var sum = 0.0
            for (index, weight) in weights.enumerated() {
              let column = min(width - 1, max(0, x + (index - reach) * columnStep))
              let row = min(height - 1, max(0, y + (index - reach) * rowStep))
              sum += weight * source[(row * width + column) * 3 + channel]
            }
            samples[(y * width + x) * 3 + channel] = sum / total
          }
        }
      }
    }
    return Image(
      width: width, height: height, pixels: samples.map { UInt8(min(255, $0.rounded())) })
  }
}
