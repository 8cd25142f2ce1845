import CTorch

extension Tensor {
  /// The same elements in another shape; one length may be -1, which is inferred.
  public func reshaped(_ shape: [Int]) throws -> Tensor {
    let sizes = shape.c
    return try unary("reshaped to \(shape)") { ct_reshape($0, sizes, Int32(sizes.count), $1) }
  }

  /// A view with the axes in the order given.
  public func permuted(_ axes: [Int]) throws -> Tensor {
    let order = axes.c
    return try unary("permuted by \(axes)") { ct_permute($0, order, Int32(order.count), $1) }
  }

  /// A view in which axes of length 1 repeat to fill `shape`.
  public func expanded(_ shape: [Int]) throws -> Tensor {
    let sizes = shape.c
    return try unary("expanded to \(shape)") { ct_expand($0, sizes, Int32(sizes.count), $1) }
  }

  /// The same image [B, C, H, W] with the channels of each pixel side by side in memory, as
  /// convolutions want them on most devices; what layers make of it has that order too.
  public func channelsLast() throws -> Tensor { try unary("channelsLast", ct_channels_last) }

  /// An image [B, C, H, W] as the sequence of its pixels [B, H W, C]: a view where channels are last.
  public func pixels() throws -> Tensor {
    let (batch, channels) = (shape[0], shape[1])
    return try permuted([0, 2, 3, 1]).reshaped([batch, -1, channels])
  }

  /// A sequence of pixels [B, H W, C] as an image of `shape`, [B, C, H, W], with channels last.
  public func image(_ shape: [Int]) throws -> Tensor {
    try reshaped([shape[0], shape[2], shape[3], shape[1]]).permuted([0, 3, 1, 2])
  }

  /// A view of the indices in `range` along `axis`.
  public func narrowed(axis: Int, _ range: Range<Int>) throws -> Tensor {
    try unary("narrowed to \(range)") {
      ct_narrow($0, Int64(axis), Int64(range.lowerBound), Int64(range.count), $1)
    }
  }

  /// A copy of the slices at `indices` along `axis`.
  public func selecting(_ indices: [Int], axis: Int = 0) throws -> Tensor {
    let indices = try Tensor(indices.c, shape: [indices.count]).to(device)
    return try binary("selecting", indices) { ct_index_select($0, Int64(axis), $1, $2) }
  }

  /// The tensor split into `count` views of equal length along `axis`.
  public func chunks(_ count: Int, axis: Int) throws -> [Tensor] {
    let axis = axis < 0 ? shape.count + axis : axis
    precondition(shape[axis] % count == 0, "\(summary) has no \(count) equal parts on axis \(axis)")
    let length = shape[axis] / count
    return try (0..<count).map { try narrowed(axis: axis, $0 * length..<($0 + 1) * length) }
  }

  /// The tensors one after the other along `axis`; a single one is returned as it is.
  public static func concatenated(_ tensors: [Tensor], axis: Int = 0) throws -> Tensor {
    if tensors.count == 1 { return tensors[0] }
    return try produce("concatenated", operands: tensors) { out in
      withHandles(tensors) { ct_cat($0, Int32($0.count), Int64(axis), out) }
    }
  }

  /// Zeros added around the last axes: (left, right, top, bottom) for an image [B, C, H, W].
  public func padded(_ padding: [Int]) throws -> Tensor {
    let amounts = padding.c
    return try unary("padded by \(padding)") { ct_pad($0, amounts, Int32(amounts.count), $1) }
  }
}
