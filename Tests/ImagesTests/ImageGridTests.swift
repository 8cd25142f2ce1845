import Testing

@testable import Images

@Suite struct ImageGridTests {
  private func plain(_ width: Int, _ height: Int, _ level: UInt8) -> Image {
    Image(
      width: width, height: height,
      pixels: [UInt8](repeating: level, count: width * height * 3))
  }

  private func level(_ image: Image, _ x: Int, _ y: Int) -> UInt8 {
    image.pixels[(y * image.width + x) * 3]
  }

  @Test func eachPixelIsRepeatedByTheScale() {
    let source = Image(width: 2, height: 1, pixels: [10, 20, 30, 40, 50, 60])
    let grid = ImageGrid(
      cells: [.init(image: source, caption: "")], columnCount: 1, scale: 3
    ).image()
    let margin = ImageGrid.margin
    #expect(grid.width == 6 + 2 * margin)
    #expect(grid.height == 3 + 2 * margin)
    for y in 0..<grid.height {
      for x in 0..<grid.width {
        let isInside = (margin..<margin + 6).contains(x) && (margin..<margin + 3).contains(y)
        let expected: UInt8 = isInside ? (x - margin < 3 ? 10 : 40) : 255
        #expect(level(grid, x, y) == expected, "column \(x), row \(y)")
      }
    }
  }

  @Test func cellsFillRowAfterRow() {
    let cells = [0, 50, 100, 150, 200].map {
      ImageGrid.Cell(image: plain(12, 12, $0), caption: "")
    }
    let grid = ImageGrid(cells: cells, columnCount: 2, scale: 1).image()
    let pitch = 12 + ImageGrid.margin
    #expect(grid.width == ImageGrid.margin + 2 * pitch)
    #expect(grid.height == ImageGrid.margin + 3 * pitch)
    for (index, expected) in [0, 50, 100, 150, 200, 255].enumerated() {
      let (x, y) = (index % 2 * pitch + ImageGrid.margin, index / 2 * pitch + ImageGrid.margin)
      #expect(level(grid, x, y) == UInt8(expected), "cell \(index)")
    }
  }

  @Test func aGridIsNoWiderThanItsCells() {
    let grid = ImageGrid(
      cells: [.init(image: plain(4, 4, 0), caption: "")], columnCount: 9, scale: 1
    ).image()
    #expect(grid.width == 4 + 2 * ImageGrid.margin)
  }

  @Test func theLongestCaptionOfARowSetsItsHeight() {
    let cells = ["a", "a b c", ""].map { ImageGrid.Cell(image: plain(6, 6, 9), caption: $0) }
    let grid = ImageGrid(cells: cells, columnCount: 2, scale: 1).image()
    // A cell of six pixels has room for one letter a line: three lines, then none.
    let first = 6 + ImageGrid.captionGap + 3 * BitmapFont.lineHeight
    #expect(grid.height == ImageGrid.margin + first + ImageGrid.margin + 6 + ImageGrid.margin)
  }

  @Test func aCaptionIsDrawnBelowItsPicture() {
    let cell = ImageGrid.Cell(image: plain(20, 4, 200), caption: "T")
    let grid = ImageGrid(cells: [cell], columnCount: 1, scale: 1).image()
    let top = ImageGrid.margin + 4 + ImageGrid.captionGap
    let drawn = (0..<BitmapFont.glyphHeight).map { y in
      String((0..<5).map { level(grid, ImageGrid.margin + $0, top + y) == 0 ? "#" : "." })
    }
    #expect(
      drawn == ["#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#..", "....."])
  }

  @Test(arguments: [
    ("", 5, []),
    ("one two", 7, ["one two"]),
    ("one two", 6, ["one", "two"]),
    ("a bb  ccc\ndddd", 5, ["a bb", "ccc", "dddd"]),
    ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
    ("abcdef g", 4, ["abcd", "ef g"]),
  ])
  func linesBreakBetweenWordsWherePossible(text: String, length: Int, lines: [String]) {
    #expect(ImageGrid.wrap(text, to: length) == lines)
  }

  @Test func everyPrintableCharacterHasAGlyphOfItsOwn() {
    let characters = (32..<127).map { Character(Unicode.Scalar(UInt8($0))) }
    let glyphs = characters.map(BitmapFont.rows)
    #expect(Set(glyphs).count == 95)
    #expect(glyphs.allSatisfy { $0.count == BitmapFont.glyphHeight })
    #expect(glyphs[0].allSatisfy { $0 == 0 }, "the space is empty")
  }

  @Test(arguments: ["é", "日", "\u{7F}", "\t", "👩‍👩‍👧"])
  func otherCharactersBecomeQuestionMarks(character: Character) {
    #expect(BitmapFont.rows(of: character) == BitmapFont.rows(of: "?"))
  }

  @Test func aPictureNarrowerThanALetterStillGetsItsCaption() {
    let cell = ImageGrid.Cell(image: plain(1, 1, 0), caption: "W")
    let grid = ImageGrid(cells: [cell], columnCount: 1, scale: 1).image()
    #expect(grid.width == 1 + 2 * ImageGrid.margin)
  }
}
