import Foundation
import Safetensors
import Testing

/// A folder for one test's files, which goes with it.
final class TemporaryFolder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(
      path: "safetensors-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
  }

  deinit {
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      Issue.record(error)
    }
  }

  func file(_ name: String = "a.safetensors") -> URL { url.appending(path: name) }

  var fileNames: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path) }
  }
}

/// Returns the bytes of a file with this header and data.
func fileBytes(header: [UInt8], dataCount: Int) -> Data {
  var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
  bytes.append(contentsOf: header)
  bytes.append(contentsOf: (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) })
  return bytes
}

func fileBytes(header: String, dataCount: Int) -> Data {
  fileBytes(header: Array(header.utf8), dataCount: dataCount)
}

/// The file that the reference implementation wrote.
let goldenURL = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Fixtures/safetensors/golden.safetensors")

/// What the golden file holds, as its script says.
struct GoldenTensor: Sendable, CustomTestStringConvertible {
  let name: String
  let dtype: SafetensorsDType
  let shape: [Int]
  let bytes: [UInt8]
  var testDescription: String { name.debugDescription }

  static let all = [
    GoldenTensor(name: "bool", dtype: .bool, shape: [3], bytes: [0, 1, 0]),
    GoldenTensor(name: "u8", dtype: .uint8, shape: [5], bytes: [0, 1, 2, 3, 4]),
    GoldenTensor(name: "i8", dtype: .int8, shape: [3], values: [-2, -1, 0] as [Int8]),
    GoldenTensor(name: "i16", dtype: .int16, shape: [3], values: [-2, -1, 0] as [Int16]),
    GoldenTensor(name: "i32", dtype: .int32, shape: [3], values: [-2, -1, 0] as [Int32]),
    GoldenTensor(name: "i64", dtype: .int64, shape: [3], values: [-2, -1, 0] as [Int64]),
    GoldenTensor(
      name: "f16", dtype: .float16, shape: [3], values: [0xC000, 0xBC00, 0] as [UInt16]),
    GoldenTensor(
      name: "bf16", dtype: .bfloat16, shape: [3], values: [0xC000, 0xBF80, 0] as [UInt16]),
    GoldenTensor(
      name: "f32.matrix", dtype: .float32, shape: [2, 3],
      values: [-2, -1, 0, 1, 2, 3] as [Float]),
    GoldenTensor(name: "f32.empty", dtype: .float32, shape: [0, 4], bytes: []),
    GoldenTensor(name: "f64.number", dtype: .float64, shape: [], values: [-2] as [Double]),
    GoldenTensor(
      name: "name \"with\\\" \n\u{1} ünïcödé 🟥", dtype: .float32, shape: [1],
      values: [-2] as [Float]),
  ]

  private init(name: String, dtype: SafetensorsDType, shape: [Int], bytes: [UInt8]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.bytes = bytes
  }

  /// All machines that this runs on are little-endian.
  private init<T: BitwiseCopyable>(
    name: String, dtype: SafetensorsDType, shape: [Int], values: [T]
  ) {
    self.init(
      name: name, dtype: dtype, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }
}
