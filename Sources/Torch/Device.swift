import CTorch

/// Where a tensor's elements live.
public enum Device: Sendable, Hashable, CustomStringConvertible {
  case cpu
  case cuda(index: Int)

  /// libtorch's name of the device: "cpu", "cuda:0".
  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let index): "cuda:\(index)"
    }
  }

  var c: ct_device {
    switch self {
    case .cpu: ct_device(type: CT_CPU, index: 0)
    case .cuda(let index): ct_device(type: CT_CUDA, index: Int32(index))
    }
  }

  init(_ c: ct_device) {
    self = c.type == CT_CPU ? .cpu : .cuda(index: Int(c.index))
  }

  /// How many CUDA devices libtorch can use; 0 where its CUDA libraries are absent.
  ///
  /// - Throws: ``TensorError`` when the driver reports a failure.
  public static func cudaCount() throws -> Int {
    var count: Int32 = 0
    try check(ct_cuda_device_count(&count), "cudaDeviceCount")
    return Int(count)
  }
}
