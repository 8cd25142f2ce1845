/// A piece of the gradient that goes over the network as one.
///
/// Each rank adds up one part of it over all ranks, in rank order: so the bits of the sum depend on
/// nothing but the ranks' values, not on MPI's choice of an algorithm.
struct GradientBucket: Sendable, Equatable {
  /// The parameters whose gradients it holds: indices of consecutive ones.
  let parameters: Range<Int>
  /// Its elements, as places in the whole gradient.
  let elements: Range<Int>
  /// The part that each rank adds up, as places in the whole gradient; together all elements.
  let parts: [Range<Int>]

  /// The number of elements of each rank's part.
  var counts: [Int] { parts.map(\.count) }

  /// Cuts a gradient into buckets from its end on: a backward pass comes to the last layers first.
  ///
  /// - Parameters:
  ///   - ranges: Where each parameter's elements lie in the gradient, one after another.
  ///   - elementLimit: The most elements of a bucket, unless one parameter alone has more.
  ///   - keepsParametersWhole: Whether a part is made of whole parameters, as a sharded optimizer
  ///     wants, rather than all parts of the same length.
  static func buckets(
    of ranges: [Range<Int>], elementLimit: Int, rankCount: Int, keepsParametersWhole: Bool
  ) -> [Self] {
    var buckets: [Self] = []
    var end = ranges.count
    while end > 0 {
      var start = end - 1
      while start > 0, ranges[end - 1].upperBound - ranges[start - 1].lowerBound <= elementLimit {
        start -= 1
      }
      let elements = ranges[start].lowerBound..<ranges[end - 1].upperBound
      let parts =
        keepsParametersWhole
        ? wholeParts(
          ranges[start..<end], of: elements, rankCount: rankCount, rotation: buckets.count)
        : evenParts(of: elements, rankCount: rankCount)
      buckets.append(Self(parameters: start..<end, elements: elements, parts: parts))
      end = start
    }
    return buckets
  }

  private static func evenParts(of elements: Range<Int>, rankCount: Int) -> [Range<Int>] {
    (0..<rankCount).map { rank in
      let cuts = [rank, rank + 1].map { elements.lowerBound + elements.count * $0 / rankCount }
      return cuts[0]..<cuts[1]
    }
  }

  /// Cuts at the parameters' borders next after the even ones. Which rank has the first part changes
  /// from bucket to bucket, so that the rounding does not always favour the same.
  private static func wholeParts(
    _ ranges: ArraySlice<Range<Int>>, of elements: Range<Int>, rankCount: Int, rotation: Int
  ) -> [Range<Int>] {
    let cuts = (0...rankCount).map { part in
      let even = elements.lowerBound + elements.count * part / rankCount
      return ranges.first { $0.lowerBound >= even }?.lowerBound ?? elements.upperBound
    }
    return (0..<rankCount).map { rank in
      let part = (rank + rotation) % rankCount
      return cuts[part]..<cuts[part + 1]
    }
  }
}

extension [GradientBucket] {
  /// The parameters that are whole in a rank's parts, in their order.
  func parameters(ofRank rank: Int, _ ranges: [Range<Int>]) -> [Int] {
    flatMap { bucket in
      bucket.parameters.filter { bucket.parts[rank].contains(ranges[$0]) && !ranges[$0].isEmpty }
    }.sorted()
  }
}
