import Images
import Torch
import TorchNN

// Shapes: B batch, H W rows and columns of what the network sees.

/// Makes pictures into what an image encoder takes: resized, cropped around the centre, normalised.
///
/// The values are those of transformers' CLIPImageProcessorPil, bit for bit, with which the published
/// reward models were trained. The processor that transformers 5 takes where torchvision is installed
/// resizes by other arithmetic, whose levels differ by one here and there.
///
/// - Source: transformers, models/clip/image_processing_pil_clip.py.
public struct CLIPImageProcessor: Sendable, Equatable {
  /// The size that pictures are brought to before they are cropped.
  public enum Size: Sendable, Equatable {
    /// The shorter side, in pixels; the other in proportion.
    case shortestEdge(Int)
    /// Both sides, whatever the picture's proportions.
    case exactly(height: Int, width: Int)
  }

  /// The size before the crop.
  public let size: Size
  /// Rows of what the network sees.
  public let cropHeight: Int
  /// Columns of what the network sees.
  public let cropWidth: Int
  /// What is subtracted of each channel, whose values are in 0...1.
  public let mean: [Double]
  /// What each channel is divided by then.
  public let standardDeviation: [Double]

  /// Reads a preprocessor_config.json, or the part `image_processor` of a processor_config.json.
  ///
  /// - Throws: ``ModelError`` naming the key that is missing, wrong or not supported.
  public init(contentsOf path: String) throws(ModelError) {
    let file = try JSONFile(path: path)
    let json = file.containsObject("image_processor") ? try file.object("image_processor") : file
    for key in ["do_resize", "do_center_crop", "do_rescale", "do_normalize"] {
      try json.require(key, oneOf: ["true"])
    }
    // 3 is Pillow's number of bicubic interpolation.
    try json.require("resample", oneOf: ["3"])
    try json.require("rescale_factor", oneOf: ["\(1.0 / 255)"])
    size = try Self.size(json)
    (cropHeight, cropWidth) = try Self.cropSize(json)
    mean = try Self.channels(json, "image_mean")
    standardDeviation = try Self.channels(json, "image_std")
    let (least, found) =
      switch size {
      case .shortestEdge(let side): (max(cropHeight, cropWidth), side)
      case .exactly(let height, let width):
        cropHeight > height ? (cropHeight, height) : (cropWidth, width)
      }
    guard cropHeight > 0, cropWidth > 0, found >= least, found <= 4096 else {
      throw json.invalid("size", expected: "from crop_size \(least) to 4096", found: "\(found)")
    }
  }

  private static func size(_ json: JSONFile) throws(ModelError) -> Size {
    guard json.containsObject("size") else {
      return .shortestEdge(try json.int("size", default: 224))
    }
    let size = try json.object("size")
    if size.contains("shortest_edge") { return .shortestEdge(try size.int("shortest_edge")) }
    return .exactly(height: try size.int("height"), width: try size.int("width"))
  }

  private static func cropSize(_ json: JSONFile) throws(ModelError) -> (Int, Int) {
    guard json.containsObject("crop_size") else {
      let side = try json.int("crop_size", default: 224)
      return (side, side)
    }
    let size = try json.object("crop_size")
    return (try size.int("height"), try size.int("width"))
  }

  private static func channels(_ json: JSONFile, _ key: String) throws(ModelError) -> [Double] {
    let values = try json.doubles(key)
    guard values.count == 3, key == "image_mean" || values.allSatisfy({ $0 > 0 }) else {
      throw json.invalid(
        key, expected: key == "image_mean" ? "three numbers" : "three numbers above 0",
        found: "\(values)")
    }
    return values
  }

  /// What the network takes: [B, 3, H, W] in float32 on the CPU.
  ///
  /// - Throws: `ImageError.tooThin`.
  public func pixels(of images: [Image]) throws -> Tensor {
    let values = levelValues
    let area = cropHeight * cropWidth
    var samples = [Float](repeating: 0, count: images.count * 3 * area)
    for (index, image) in images.enumerated() {
      let levels = cropped(try resized(image)).pixels
      for channel in 0..<3 {
        let start = (index * 3 + channel) * area
        for pixel in 0..<area {
          samples[start + pixel] = values[channel][Int(levels[pixel * 3 + channel])]
        }
      }
    }
    return try Tensor(samples, shape: [images.count, 3, cropHeight, cropWidth])
  }

  /// What becomes of each of the 256 levels of each channel.
  private var levelValues: [[Float]] {
    zip(mean, standardDeviation).map { mean, deviation in
      (0..<256).map { level in
        let share = Float(Double(level) * (1.0 / 255))
        return (share - Float(mean)) / Float(deviation)
      }
    }
  }

  private func resized(_ image: Image) throws -> Image {
    switch size {
    case .exactly(let height, let width): return image.resized(width: width, height: height)
    case .shortestEdge(let side):
      let (short, long) = (min(image.width, image.height), max(image.width, image.height))
      // As Python computes it, in double precision and cut off.
      let other = Int(Double(side * long) / Double(short))
      guard side * other <= Image.pixelLimit else {
        throw ImageError.tooThin(
          width: image.width, height: image.height, side: side, pixelLimit: Image.pixelLimit)
      }
      return image.width <= image.height
        ? image.resized(width: side, height: other) : image.resized(width: other, height: side)
    }
  }

  private func cropped(_ image: Image) -> Image {
    image.cropped(
      left: (image.width - cropWidth) / 2, top: (image.height - cropHeight) / 2, width: cropWidth,
      height: cropHeight)
  }
}
