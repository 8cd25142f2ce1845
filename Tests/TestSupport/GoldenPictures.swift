import Images
import Torch

/// The pictures of scripts/golden/reward_golden.py, with what Pillow and transformers make of them.
public struct GoldenPictures {
  /// Everything in the file.
  public let golden: Golden
  /// The pictures: smooth, noisy and black-and-white ones, larger and smaller than a network takes.
  public let images: [Image]

  /// Reads the file.
  public init() throws {
    let golden = try Golden("rewards/pictures.safetensors")
    self.golden = golden
    let count = golden.names(after: "picture.").count
    images = try (0..<count).map { try Self.image(golden("picture.\($0)")) }
  }

  /// The picture of levels [H, W, 3].
  public static func image(_ levels: Tensor) throws -> Image {
    let shape = levels.shape
    return Image(width: shape[1], height: shape[0], pixels: try levels.values(as: UInt8.self))
  }
}
