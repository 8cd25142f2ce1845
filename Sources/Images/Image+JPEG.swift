import CImageCodecs
import Foundation

extension Image {
  /// The picture as a JPEG, its colour at half of the resolution: byte for byte what Pillow writes
  /// at that quality.
  ///
  /// - Parameter quality: From 1 to 100.
  /// - Throws: `ImageError.tooLarge` beyond `pixelLimit`, or `ImageError.unencodable`.
  public func jpegData(quality: Int) throws -> Data {
    precondition((1...100).contains(quality), "a JPEG's quality is 1...100, not \(quality)")
    guard width * height <= Self.pixelLimit else {
      throw ImageError.tooLarge(width: width, height: height, pixelLimit: Self.pixelLimit)
    }
    let compressor = tjInitCompress()
    defer { tjDestroy(compressor) }
    var (bytes, byteCount): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    defer { tjFree(bytes) }
    // Pillow keeps to the exact cosine transform at every quality; TurboJPEG only from 96 on.
    let status = tjCompress2(
      compressor, pixels, Int32(width), 0, Int32(height), Int32(TJPF_RGB.rawValue), &bytes,
      &byteCount, Int32(TJSAMP_420.rawValue), Int32(quality), TJFLAG_ACCURATEDCT)
    guard status == 0, let bytes else {
      throw ImageError.unencodable(
        width: width, height: height, reason: String(cString: tjGetErrorStr2(compressor)))
    }
    return Data(bytes: bytes, count: Int(byteCount))
  }
}
