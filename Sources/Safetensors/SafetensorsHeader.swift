/// The checked header of a safetensors file: which tensors there are, and where.
///
/// The checks are the reference's, and where it leaves things open stricter: every key once, no
/// field that the format does not know.
///
/// - Source: huggingface/safetensors, README ("Format") and `safetensors/src/tensor.rs`
///   (`Metadata::validate`).
struct SafetensorsHeader: Sendable {
  /// The texts under `__metadata__`.
  let metadata: [String: String]
  /// The tensors in the order of their bytes.
  let tensors: [Tensor]

  private let extents: [Int]
  private let indexByName: [String: Int32]

  /// A tensor, with its shape kept elsewhere: a million arrays would take more than the header.
  struct Tensor {
    let name: String
    let dtype: SafetensorsDType
    /// Where its bytes are, from the first byte after the header.
    let offsets: Range<Int>
    /// Where its shape is in ``extents``.
    let extentsStart: Int32
    /// Where its shape ends in ``extents``.
    let extentsEnd: Int32
  }

  /// The greatest length of a header, in bytes; the reference's limit.
  static let lengthLimit = 100_000_000
  static let metadataKey = "__metadata__"

  /// Checks what was read of a header.
  ///
  /// - Parameter dataLength: The number of bytes that follow the header in the file.
  init(_ reader: HeaderReader, file: String, dataLength: Int) throws {
    var tensors = reader.tensors
    let order: (Tensor, Tensor) -> Bool = {
      ($0.offsets.lowerBound, $0.offsets.upperBound) < (
        $1.offsets.lowerBound, $1.offsets.upperBound
      )
    }
    let isInOrder = !zip(tensors, tensors.dropFirst()).contains { order($1, $0) }
    if !isInOrder { tensors.sort(by: order) }
    indexByName = try SafetensorsHeader.index(tensors, file: file)
    try SafetensorsHeader.checkPlaces(of: tensors, file: file, dataLength: dataLength)
    self.tensors = tensors
    extents = reader.extents
    metadata = reader.metadata ?? [:]
  }

  /// Returns the place of a tensor in ``tensors``.
  func index(of name: String) -> Int? { indexByName[name].map(Int.init) }

  func shape(of tensor: Tensor) -> [Int] {
    Array(extents[Int(tensor.extentsStart)..<Int(tensor.extentsEnd)])
  }

  /// Names are compared as Swift compares text: two spellings of one accented letter are the same.
  private static func index(_ tensors: [Tensor], file: String) throws -> [String: Int32] {
    var result = [String: Int32](minimumCapacity: tensors.count)
    for (index, tensor) in tensors.enumerated()
    where result.updateValue(Int32(index), forKey: tensor.name) != nil {
      throw SafetensorsError(
        file: file, tensor: tensor.name, expected: "each name once", found: "it twice")
    }
    return result
  }

  /// Checks that the tensors fill the data one after another, without overlap or hole.
  private static func checkPlaces(of tensors: [Tensor], file: String, dataLength: Int) throws {
    var end = 0
    for tensor in tensors {
      guard tensor.offsets.lowerBound == end else {
        throw SafetensorsError(
          file: file, tensor: tensor.name,
          expected: "its bytes to begin where the tensor before it ends, at \(end)",
          found: "\(tensor.offsets.lowerBound < end ? "an overlap" : "a hole"): "
            + "data_offsets \(list(tensor.offsets))")
      }
      end = tensor.offsets.upperBound
      guard end <= dataLength else {
        throw SafetensorsError(
          file: file, tensor: tensor.name,
          expected:
            "at least \(end) bytes of data, as its data_offsets \(list(tensor.offsets)) say",
          found: "\(dataLength)", advice: "the file is cut short; copy or download it again")
      }
    }
    guard end == dataLength else {
      throw SafetensorsError(
        file: file, expected: "\(end) bytes of data, as the header says", found: "\(dataLength)",
        advice: "the file was appended to; copy or download it again")
    }
  }
}
