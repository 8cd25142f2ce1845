/// Pictures in rows and columns, each with a caption below it, for people to look at.
public struct ImageGrid: Sendable {
  /// A picture and the text below it.
  public struct Cell: Sendable {
    /// The picture, at its own size.
    public let image: Image
    /// The text; it is wrapped to the picture's width, and characters beyond ASCII become `?`.
    public let caption: String

    /// A picture and the text below it.
    public init(image: Image, caption: String) {
      self.image = image
      self.caption = caption
    }
  }

  /// Pixels around and between the cells.
  static let margin = 8
  /// Pixels between a picture and its caption.
  static let captionGap = 4

  private let cells: [Cell]
  private let columnCount: Int
  private let scale: Int

  /// A grid of `cells`, row by row.
  ///
  /// - Parameters:
  ///   - cells: At least one.
  ///   - columnCount: The cells of a row, at least 1.
  ///   - scale: How often each pixel of a picture is repeated in both directions, at least 1.
  public init(cells: [Cell], columnCount: Int, scale: Int) {
    precondition(!cells.isEmpty && columnCount > 0 && scale > 0)
    self.cells = cells
    self.columnCount = min(columnCount, cells.count)
    self.scale = scale
  }

  /// The grid drawn on white. Columns are as wide as the widest picture, rows as high as their
  /// highest picture and longest caption need.
  public func image() -> Image {
    let cellWidth = (cells.map(\.image.width).max() ?? 0) * scale
    let lineLength = max(1, cellWidth / BitmapFont.advance)
    let rows = stride(from: 0, to: cells.count, by: columnCount).map { start in
      cells[start..<min(start + columnCount, cells.count)].map { cell in
        (image: cell.image, lines: Self.wrap(cell.caption, to: lineLength))
      }
    }
    let heights = rows.map { row in
      let pictureHeight = (row.map(\.image.height).max() ?? 0) * scale
      let lineCount = row.map(\.lines.count).max() ?? 0
      return (picture: pictureHeight, whole: pictureHeight + captionHeight(lineCount: lineCount))
    }

    var canvas = Canvas(
      width: Self.margin + columnCount * (cellWidth + Self.margin),
      height: Self.margin + heights.reduce(0) { $0 + $1.whole + Self.margin })
    var top = Self.margin
    for (row, height) in zip(rows, heights) {
      for (column, cell) in row.enumerated() {
        let left = Self.margin + column * (cellWidth + Self.margin)
        canvas.draw(cell.image, left: left, top: top, scale: scale)
        for (line, text) in cell.lines.enumerated() {
          let lineTop = top + height.picture + Self.captionGap + line * BitmapFont.lineHeight
          canvas.draw(text, left: left, top: lineTop)
        }
      }
      top += height.whole + Self.margin
    }
    return Image(width: canvas.width, height: canvas.height, pixels: canvas.pixels)
  }

  private func captionHeight(lineCount: Int) -> Int {
    lineCount == 0 ? 0 : Self.captionGap + lineCount * BitmapFont.lineHeight
  }

  /// `text` in lines of at most `length` characters, broken between words and, where one word is
  /// longer than a line, within it.
  static func wrap(_ text: String, to length: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      var rest = word
      if let last = lines.last, last.count + 1 + rest.count <= length {
        lines[lines.count - 1] = last + " " + rest
        continue
      }
      while rest.count > length {
        lines.append(String(rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
      lines.append(String(rest))
    }
    return lines
  }
}

/// A white sheet to draw on.
private struct Canvas {
  let width: Int
  let height: Int
  /// [H, W, 3]
  private(set) var pixels: [UInt8]

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 255, count: width * height * 3)
  }

  mutating func draw(_ image: Image, left: Int, top: Int, scale: Int) {
    for y in 0..<image.height * scale {
      for x in 0..<image.width * scale {
        let source = (y / scale * image.width + x / scale) * 3
        let target = ((top + y) * width + left + x) * 3
        for channel in 0..<3 {
          pixels[target + channel] = image.pixels[source + channel]
        }
      }
    }
  }

  mutating func draw(_ text: String, left: Int, top: Int) {
    for (position, character) in text.enumerated() {
      for (y, row) in BitmapFont.rows(of: character).enumerated() {
        for x in 0..<BitmapFont.glyphWidth where row & 1 << x != 0 {
          setBlack(x: left + position * BitmapFont.advance + x, y: top + y)
        }
      }
    }
  }

  /// Blackens a pixel; one beyond the edge, as under a picture narrower than a letter, is left out.
  private mutating func setBlack(x: Int, y: Int) {
    guard x < width, y < height else { return }
    for channel in 0..<3 {
      pixels[(y * width + x) * 3 + channel] = 0
    }
  }
}
