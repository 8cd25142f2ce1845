import Foundation
import Testing

@testable import Images

/// A picture whose samples all differ from their neighbours.
private func patterned(width: Int, height: Int) -> Image {
  Image(
    width: width, height: height,
    pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 / 7) })
}

private func decoded(_ base64: String) throws -> Data {
  try #require(Data(base64Encoded: base64))
}

@Suite struct ImagePNGTests {
  @Test(arguments: [(1, 1), (3, 2), (64, 64), (1, 500), (257, 5)])
  func writingAndReadingGivesTheSamePicture(width: Int, height: Int) throws {
    let image = patterned(width: width, height: height)
    #expect(try Image(png: image.pngData()) == image)
  }

  /// PNGs of 2 by 1 pixels, made with Python's zlib by the letter of the format.
  @Test(arguments: [
    (
      "8-bit RGBA: the transparent second pixel shows white",
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAD0lEQVR42mPgEpH7z"
        + "wAEAAaUATxnmr4+AAAAAElFTkSuQmCC",
      [10, 20, 30, 255, 255, 255]
    ),
    (
      "16-bit gray: 0x8080 and 0xffff",
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR42mNoaPj/H"
        + "wAGggL/bOBDIwAAAABJRU5ErkJggg==",
      [128, 128, 128, 255, 255, 255]
    ),
    (
      "palette: the second colour first",
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAMAAADD/I+4AAAABlBMVEUBAgP6gAcb+"
        + "m0KAAAAC0lEQVR42mNgZAAAAAUAAkLCRJ8AAAAASUVORK5CYII=",
      [250, 128, 7, 1, 2, 3]
    ),
  ])
  func otherKindsOfPNGBecomeEightBitRGB(
    kind: String, base64: String, pixels: [UInt8]
  ) throws {
    #expect(try Image(png: decoded(base64)).pixels == pixels, "\(kind)")
  }

  @Test(arguments: [
    (
      "100000x100000",
      "iVBORw0KGgoAAAANSUhEUgABhqAAAYagCAIAAAAnMJyfAAAACElEQVR42gMAAAAAAW/dyZEAAAAASUVORK5CYII=",
      ImageError.tooLarge(width: 100_000, height: 100_000, pixelLimit: Image.pixelLimit)
    ),
    (
      "one column beyond the limit",
      "iVBORw0KGgoAAAANSUhEUgAAEAEAABAACAIAAACSA9h+AAAACElEQVR42gMAAAAAAW/dyZEAAAAASUVORK5CYII=",
      ImageError.tooLarge(width: 4097, height: 4096, pixelLimit: Image.pixelLimit)
    ),
  ])
  func hugePicturesAreRefusedByTheirHeader(
    what: String, base64: String, error: ImageError
  ) throws {
    let png = try decoded(base64)
    #expect(throws: error, "\(what)") { try Image(png: png) }
  }

  @Test func bytesThatAreNoPNGAreRefused() throws {
    let png = try patterned(width: 20, height: 20).pngData()
    var damaged = png
    damaged[png.count / 2] ^= 0xFF
    let inputs = [
      ("empty", Data()), ("text", Data("P6 20 20 255".utf8)),
      ("the signature alone", png.prefix(8)),
      ("cut in half", png.prefix(png.count / 2)), ("one byte inverted", damaged),
    ]
    for (what, data) in inputs {
      let error = #expect(throws: ImageError.self, "\(what)") { try Image(png: data) }
      guard case .undecodable(data.count, let reason) = error else {
        Issue.record("\(what): \(String(describing: error))")
        continue
      }
      #expect(!reason.isEmpty, "\(what)")
    }
  }

  @Test func picturesAboveTheLimitAreNotEncoded() {
    let side = 4097
    let image = Image(
      width: side, height: side, pixels: [UInt8](repeating: 0, count: side * side * 3))
    #expect(
      throws: ImageError.tooLarge(width: side, height: side, pixelLimit: Image.pixelLimit)
    ) { try image.pngData() }
  }

  @Test func aWrittenFileReadsBackAndReplacesTheOneBefore() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
    let file = folder.appending(path: "picture.png")
    for side in [5, 3] {
      let image = patterned(width: side, height: side)
      try image.writePNG(to: file)
      #expect(try Image(png: Data(contentsOf: file)) == image)
    }
  }

  @Test func aPathBelowAFileIsNamedInTheError() throws {
    let url = URL(fileURLWithPath: "/dev/null/picture.png")
    let error = #expect(throws: ImageError.self) {
      try patterned(width: 1, height: 1).writePNG(to: url)
    }
    guard case .unwritable("/dev/null/picture.png", let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(!reason.isEmpty)
  }

  @Test(arguments: [
    (
      ImageError.undecodable(byteCount: 3, reason: "Not a PNG file"),
      "expected a PNG picture, got 3 bytes that do not decode (Not a PNG file): "
        + "check that the file is complete and really a PNG"
    ),
    (
      .tooLarge(width: 5000, height: 4000, pixelLimit: 16_777_216),
      "expected a picture of at most 16777216 pixels, got 5000x4000: scale it down"
    ),
    (
      .unencodable(width: 2, height: 3, reason: "out of memory"),
      "the picture of 2x3 could not be encoded (out of memory)"
    ),
    (
      .unwritable(path: "/a/b.png", reason: "no space"),
      "the picture could not be written to /a/b.png (no space): "
        + "check that the folder exists, is writable and has space"
    ),
  ])
  func errorsSayWhatWasExpectedAndWhatCame(error: ImageError, text: String) {
    #expect(error.description == text)
  }
}
