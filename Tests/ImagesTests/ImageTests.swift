import Images
import Testing

@Suite struct ImageTests {
  @Test func aReducedPictureHasTheMeansOfSquares() {
    let image = Image(
      width: 4, height: 2,
      pixels: [
        0, 10, 20, 2, 10, 20, 100, 0, 0, 100, 0, 255,
        4, 10, 20, 5, 10, 21, 100, 0, 0, 100, 0, 255,
      ])
    // (0 + 2 + 4 + 5) / 4 is 2.75, (20 + 20 + 20 + 21) / 4 is 20.25, and 127.5 is rounded up.
    #expect(
      image.reduced(by: 2) == Image(width: 2, height: 1, pixels: [3, 10, 20, 100, 0, 128]))
    #expect(image.reduced(by: 1) == image)
  }

  @Test(arguments: [
    (64, 64, 64), (256, 256, 256), (512, 512, 256), (768, 768, 256), (1024, 512, 256),
    (257, 257, 1), (300, 200, 150),
  ])
  func aThumbnailHasSidesOf256OrLess(width: Int, height: Int, expected: Int) {
    let image = Image(
      width: width, height: height, pixels: [UInt8](repeating: 9, count: width * height * 3))
    let small = image.thumbnail()
    #expect(small.width == expected)
    #expect(small.height * width == small.width * height)
    #expect(small.pixels.allSatisfy { $0 == 9 })
  }
}
