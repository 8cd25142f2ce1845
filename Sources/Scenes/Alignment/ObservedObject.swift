/// What a picture shows in the place of an object: the largest connected region in about its
/// colour.
struct ObservedObject {
  /// The region's own colour, away from its edge.
  let color: RGB
  /// Pixels, counted by how much of each the object covers.
  let area: Float
  /// The centre of mass, in pixels from the picture's top left corner.
  let centroid: (x: Float, y: Float)
  /// Half its larger extent, in pixels.
  let radius: Float
  /// The region in the standard place and size.
  let mask: ShapeMask
  /// The region and the soft edge around it: the pixels that this object accounts for. [H, W]
  let support: [Bool]

  /// Rows and columns of a picture.
  private static let side = ObservedPicture.side
  /// How far, in pixels, a region's soft edge reaches.
  private static let edgeWidth = 2

  /// Looks for objects of the given colours, none of which repeats; nil stands for one not found.
  static func find(_ colors: [RGB], in picture: ObservedPicture) -> [ObservedObject?] {
    let regions = colors.map { color in
      largestRegion(of: members(of: color, amongst: colors, in: picture))
    }
    return regions.indices.map { index in
      let others = regions.enumerated().filter { $0.offset != index }.flatMap(\.element)
      return ObservedObject(region: regions[index], others: others, picture: picture)
    }
  }

  /// The pixels that are like `color`, and liker than the background or the other colours.
  private static func members(
    of color: RGB, amongst colors: [RGB], in picture: ObservedPicture
  ) -> [Bool] {
    let rivals = colors.filter { $0 != color } + [picture.background]
    let limit = AlignmentScale.colorMiss.upperBound * AlignmentScale.colorMiss.upperBound
    return picture.pixels.map { pixel in
      let distance = pixel.squaredDistance(to: color)
      return distance < limit && rivals.allSatisfy { pixel.squaredDistance(to: $0) > distance }
    }
  }

  /// The largest set of `members` in which each is a neighbour of another, as pixel indices.
  private static func largestRegion(of members: [Bool]) -> [Int] {
    var open = members
    var largest: [Int] = []
    for start in members.indices where open[start] {
      open[start] = false
      var region = [start]
      var next = 0
      while next < region.count {
        forEachNeighbour(of: region[next]) { neighbour in
          if open[neighbour] {
            open[neighbour] = false
            region.append(neighbour)
          }
        }
        next += 1
      }
      if region.count > largest.count { largest = region }
    }
    return largest
  }

  private static func forEachNeighbour(of pixel: Int, _ body: (Int) -> Void) {
    let column = pixel % side
    if column > 0 { body(pixel - 1) }
    if column < side - 1 { body(pixel + 1) }
    if pixel >= side { body(pixel - side) }
    if pixel < side * (side - 1) { body(pixel + side) }
  }

  private init?(region: [Int], others: [Int], picture: ObservedPicture) {
    guard !region.isEmpty else { return nil }
    let support = Self.support(of: region, without: others)
    let color = Self.coreColor(of: region, in: picture)

    // How far each pixel has gone from the background to the object's colour, in [0, 1].
    let axis = color - picture.background
    let scale = 1 / max(axis.dot(axis), 1e-6)
    let coverage = picture.pixels.indices.map { pixel in
      support[pixel]
        ? min(1, max(0, (picture.pixels[pixel] - picture.background).dot(axis) * scale)) : 0
    }

    var (area, sumX, sumY): (Float, Float, Float) = (0, 0, 0)
    // How far the object covers each column and row where it covers them most.
    var columns = [Float](repeating: 0, count: Self.side)
    var rows = columns
    for pixel in coverage.indices where coverage[pixel] > 0 {
      let weight = ramp(coverage[pixel], AlignmentScale.coverage)
      let (row, column) = (pixel / Self.side, pixel % Self.side)
      area += weight
      sumX += weight * (Float(column) + 0.5)
      sumY += weight * (Float(row) + 0.5)
      columns[column] = max(columns[column], weight)
      rows[row] = max(rows[row], weight)
    }
    guard area > 0 else { return nil }
    let centroid = (x: sumX / area, y: sumY / area)
    let unit = area.squareRoot()
    self.color = color
    self.area = area
    radius = max(columns.reduce(0, +), rows.reduce(0, +)) / 2
    self.centroid = centroid
    self.support = support
    mask = ShapeMask { x, y in
      Self.sample(coverage, x: centroid.x + x * unit - 0.5, y: centroid.y + y * unit - 0.5) >= 0.5
    }
  }

  /// The region and the pixels around it, less those of the other object.
  private static func support(of region: [Int], without others: [Int]) -> [Bool] {
    var support = [Bool](repeating: false, count: side * side)
    for pixel in region {
      let (row, column) = (pixel / side, pixel % side)
      for y in max(0, row - edgeWidth)...min(side - 1, row + edgeWidth) {
        for x in max(0, column - edgeWidth)...min(side - 1, column + edgeWidth) {
          support[y * side + x] = true
        }
      }
    }
    for pixel in others {
      support[pixel] = false
    }
    return support
  }

  /// The mean colour of the pixels whose four neighbours all belong to the region too, or of the
  /// whole region where there are none.
  private static func coreColor(of region: [Int], in picture: ObservedPicture) -> RGB {
    var isMember = [Bool](repeating: false, count: side * side)
    for pixel in region {
      isMember[pixel] = true
    }
    let core = region.filter { pixel in
      var isInside = true
      forEachNeighbour(of: pixel) { isInside = isInside && isMember[$0] }
      return isInside
    }
    let pixels = core.isEmpty ? region : core
    var sum = RGB(red: 0, green: 0, blue: 0)
    for pixel in pixels {
      sum.red += picture.pixels[pixel].red
      sum.green += picture.pixels[pixel].green
      sum.blue += picture.pixels[pixel].blue
    }
    let share = 1 / Float(pixels.count)
    return RGB(red: sum.red * share, green: sum.green * share, blue: sum.blue * share)
  }

  /// The value between four pixels; `x` and `y` count from the centre of the first pixel, and all
  /// beyond the picture is 0.
  private static func sample(_ plane: [Float], x: Float, y: Float) -> Float {
    let (left, top) = (x.rounded(.down), y.rounded(.down))
    guard left >= 0, top >= 0, left < Float(side - 1), top < Float(side - 1) else { return 0 }
    let pixel = Int(top) * side + Int(left)
    let (right, below) = (x - left, y - top)
    let upper = plane[pixel] + right * (plane[pixel + 1] - plane[pixel])
    let lower =
      plane[pixel + side] + right * (plane[pixel + side + 1] - plane[pixel + side])
    return upper + below * (lower - upper)
  }
}
