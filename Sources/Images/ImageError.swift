/// Why a picture could not be read or written.
public enum ImageError: Error, Equatable, Sendable {
  /// The bytes are no PNG that libpng can decode; `reason` is libpng's own.
  case undecodable(byteCount: Int, reason: String)
  /// The picture has more pixels than are decoded or encoded.
  case tooLarge(width: Int, height: Int, pixelLimit: Int)
  /// Resized to a shorter side of `side` pixels, the picture would have more than so many.
  case tooThin(width: Int, height: Int, side: Int, pixelLimit: Int)
  /// The picture could not be encoded; `reason` is libpng's or TurboJPEG's own.
  case unencodable(width: Int, height: Int, reason: String)
  /// The file could not be written; `reason` is the file system's.
  case unwritable(path: String, reason: String)
}

extension ImageError: CustomStringConvertible {
  /// What was expected, what came and what to do.
  public var description: String {
    switch self {
    case .undecodable(let byteCount, let reason):
      "expected a PNG picture, got \(byteCount) bytes that do not decode (\(reason)): "
        + "check that the file is complete and really a PNG"
    case .tooLarge(let width, let height, let pixelLimit):
      "expected a picture of at most \(pixelLimit) pixels, got \(width)x\(height): scale it down"
    case .tooThin(let width, let height, let side, let pixelLimit):
      "expected a picture of at most \(pixelLimit) pixels where its shorter side has \(side), got "
        + "\(width)x\(height): crop it"
    case .unencodable(let width, let height, let reason):
      "the picture of \(width)x\(height) could not be encoded (\(reason))"
    case .unwritable(let path, let reason):
      "the picture could not be written to \(path) (\(reason)): "
        + "check that the folder exists, is writable and has space"
    }
  }
}
