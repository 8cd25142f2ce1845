import CImageCodecs
import Foundation

extension Image {
  /// The most pixels of a picture that is decoded or encoded: 4096 by 4096.
  public static let pixelLimit = 4096 * 4096

  /// The picture in `png`, an encoded PNG of any colour type and depth. Transparency is laid over
  /// white. The size is checked before memory is taken for the pixels.
  ///
  /// - Throws: `ImageError.undecodable`, or `ImageError.tooLarge` beyond `pixelLimit`.
  public init(png: Data) throws {
    var control = png_image()
    control.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&control) }

    // libpng reads from `bytes` until it has finished, so both calls are made inside the closure.
    self = try png.withUnsafeBytes { bytes in
      guard png_image_begin_read_from_memory(&control, bytes.baseAddress, bytes.count) != 0 else {
        throw ImageError.undecodable(byteCount: bytes.count, reason: control.reason)
      }
      let width = Int(control.width)
      let height = Int(control.height)
      guard width * height <= Self.pixelLimit else {
        throw ImageError.tooLarge(width: width, height: height, pixelLimit: Self.pixelLimit)
      }
      control.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
      // 16-bit files without a gamma would otherwise be taken as linear light and come out pale.
      control.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      var white = png_color(red: 255, green: 255, blue: 255)
      var pixels = [UInt8](repeating: 0, count: width * height * 3)
      guard png_image_finish_read(&control, &white, &pixels, 0, nil) != 0 else {
        throw ImageError.undecodable(byteCount: bytes.count, reason: control.reason)
      }
      return Image(width: width, height: height, pixels: pixels)
    }
  }

  /// The picture as an 8-bit RGB PNG.
  ///
  /// - Throws: `ImageError.tooLarge` beyond `pixelLimit`, or `ImageError.unencodable`.
  public func pngData() throws -> Data {
    guard width * height <= Self.pixelLimit else {
      throw ImageError.tooLarge(width: width, height: height, pixelLimit: Self.pixelLimit)
    }
    var control = png_image()
    control.version = png_uint_32(PNG_IMAGE_VERSION)
    control.width = png_uint_32(width)
    control.height = png_uint_32(height)
    control.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&control) }

    var byteCount = image_codecs_png_size_limit(control)
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard png_image_write_to_memory(&control, &bytes, &byteCount, 0, pixels, 0, nil) != 0 else {
      throw ImageError.unencodable(width: width, height: height, reason: control.reason)
    }
    return Data(bytes.prefix(byteCount))
  }

  /// Writes the picture as a PNG to `url`, replacing a file there in one step.
  ///
  /// - Throws: `ImageError.unwritable`, and what `pngData()` throws.
  public func writePNG(to url: URL) throws {
    let data = try pngData()
    do {
      try data.write(to: url, options: .atomic)
    } catch {
      throw ImageError.unwritable(path: url.path, reason: error.localizedDescription)
    }
  }
}

extension png_image {
  /// libpng's message, in the 64 characters of `message` up to the terminating zero.
  fileprivate var reason: String {
    withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
