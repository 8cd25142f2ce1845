import Foundation
import Images
import TestSupport
import Testing
import Torch

@Suite struct ImageJPEGTests {
  @Test func theFileIsPillowsByteForByte() throws {
    let pictures = try GoldenPictures()
    for (index, image) in pictures.images.enumerated() {
      let expected = try pictures.golden("jpeg.\(index)").values(as: UInt8.self)
      #expect(try image.jpegData(quality: 95) == Data(expected), "picture \(index)")
    }
  }

  @Test func aLowerQualityTakesFewerBytes() throws {
    let image = try #require(try GoldenPictures().images.dropFirst(2).first)
    let counts = try [30, 60, 95, 100].map { try image.jpegData(quality: $0).count }
    #expect(counts == counts.sorted() && Set(counts).count == 4)
  }

  @Test func aPictureThatIsTooLargeIsRefused() throws {
    let side = 65_501
    let wide = Image(width: side, height: 1, pixels: [UInt8](repeating: 0, count: side * 3))
    let error = #expect(throws: ImageError.self) { try wide.jpegData(quality: 95) }
    #expect(error?.description.hasPrefix("the picture of 65501x1 could not be encoded (") == true)
    let large = Image(
      width: 4097, height: 4096, pixels: [UInt8](repeating: 0, count: 4097 * 4096 * 3))
    #expect(throws: ImageError.tooLarge(width: 4097, height: 4096, pixelLimit: 4096 * 4096)) {
      try large.jpegData(quality: 95)
    }
  }
}
