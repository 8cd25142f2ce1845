import Images
import TestSupport
import Testing
import Torch

@Suite struct ImageResizingTests {
  @Test func everyPixelIsPillows() throws {
    let pictures = try GoldenPictures()
    #expect(pictures.images.count == 7)
    for (index, image) in pictures.images.enumerated() {
      let sizes = pictures.golden.names(after: "resized.\(index).")
      #expect(sizes.count == 5)
      for size in sizes {
        let expected = try GoldenPictures.image(pictures.golden("resized.\(index).\(size)"))
        let found = image.resized(width: expected.width, height: expected.height)
        #expect(found == expected, "picture \(index) to \(size)")
      }
    }
  }

  @Test func theSameSizeChangesNothing() throws {
    for image in try GoldenPictures().images {
      #expect(image.resized(width: image.width, height: image.height) == image)
    }
  }

  @Test func whatOvershootsIsKeptWithinTheRange() {
    // Keys' cubic at a quarter of a pixel: weights -.0703125, .8671875, .2265625, -.0234375.
    let image = Image(width: 4, height: 1, pixels: [0, 0, 100, 200].flatMap { [$0, $0, $0] })
    let row = image.resized(width: 8, height: 1).pixels
    // At 100, with 200 beyond: .8671875 * 100 - .0703125 * 200.
    #expect(row[4 * 3] == 73)
    // At 0, with 100 beyond: -.0703125 * 100.
    #expect(row[2 * 3] == 0)
  }

  @Test func aRectangleIsCutOut() {
    let image = Image(width: 3, height: 2, pixels: (0..<6).flatMap { [UInt8($0), 7, 7] })
    let found = image.cropped(left: 1, top: 1, width: 2, height: 1)
    #expect(found == Image(width: 2, height: 1, pixels: [4, 7, 7, 5, 7, 7]))
  }
}
