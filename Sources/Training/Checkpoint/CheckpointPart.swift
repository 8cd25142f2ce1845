import Foundation
import Safetensors
import TorchNN

/// A tensor's bytes in host memory: another thread can write them while training goes on.
struct HostTensor: Sendable {
  let name: String
  let dtype: SafetensorsDType
  let shape: [Int]
  let bytes: [UInt8]

  init(_ parameter: Parameter) throws {
    let tensor = parameter.tensor
    let byteCount = tensor.count * tensor.dtype.byteCount
    name = parameter.name
    dtype = tensor.dtype.safetensors
    shape = tensor.shape
    bytes = try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      try tensor.copy(
        to: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: byteCount))
      count = byteCount
    }
  }
}

/// Tensors that are saved and loaded under one name.
struct CheckpointGroup {
  /// Who has them.
  enum Holder {
    /// Every rank has all of them, the same: they are shared out among the ranks for writing.
    case everyRank
    /// Each rank has some, which are nobody else's, and writes them.
    case oneRankEach
  }

  let name: String
  let parameters: [Parameter]
  var holder = Holder.everyRank

  /// Bytes up to which the tensors are not shared out: many small files are slower than one.
  static let wholeByteCount = 8 << 20

  /// What a rank writes of the group: a file's name and its tensors; `nil` for nothing.
  ///
  /// - Parameter index: The group's place among those of the checkpoint, so that small groups are
  ///   written by different ranks.
  func file(of rank: Int, rankCount: Int, index: Int) -> (name: String, parameters: [Parameter])? {
    let whole = Checkpoint.tensorFileName(name)
    func part(_ number: Int) -> String {
      String(format: "%@-%05d-of-%05d", name, number + 1, rankCount) + ".safetensors"
    }
    switch holder {
    case .oneRankEach:
      return parameters.isEmpty ? nil : (rankCount == 1 ? whole : part(rank), parameters)
    case .everyRank:
      let byteCounts = parameters.map { $0.tensor.count * $0.tensor.dtype.byteCount }
      let total = byteCounts.reduce(0, +)
      guard rankCount > 1, total > Self.wholeByteCount else {
        return rank == index % rankCount ? (whole, parameters) : nil
      }
      let owners = Self.owners(ofByteCounts: byteCounts, rankCount: rankCount)
      let mine = zip(parameters, owners).filter { $0.1 == rank }.map(\.0)
      return mine.isEmpty ? nil : (part(rank), mine)
    }
  }

  /// The rank that writes each tensor: neighbours, about as many bytes for each rank.
  static func owners(ofByteCounts byteCounts: [Int], rankCount: Int) -> [Int] {
    let total = max(1, byteCounts.reduce(0, +))
    var start = 0
    return byteCounts.map { count in
      defer { start += count }
      // By its middle, so that a tensor goes where most of it would.
      return min(rankCount - 1, (start + count / 2) * rankCount / total)
    }
  }
}

/// What one rank writes of a checkpoint, all of it in host memory.
struct CheckpointPart: Sendable {
  /// A file of tensors.
  struct TensorFile: Sendable {
    let name: String
    let group: String
    let tensors: [HostTensor]
  }

  let files: [TensorFile]
  /// What is saved beside the tensors, on the rank that writes it.
  let state: Data?

  /// Copies a rank's part of the groups.
  init(of groups: [CheckpointGroup], rank: Int, rankCount: Int, state: Data?) throws {
    files = try groups.enumerated().compactMap { index, group in
      guard let file = group.file(of: rank, rankCount: rankCount, index: index) else { return nil }
      return TensorFile(
        name: file.name, group: group.name, tensors: try file.parameters.map(HostTensor.init))
    }
    self.state = state
  }

  /// Writes the files to a folder and reads them back for their hashes.
  func write(to folder: String, by operations: any FileOperations) throws
    -> [CheckpointManifest.File]
  {
    // Another rank made it, and a network file system may show it late.
    awaitName(folder)
    var written: [CheckpointManifest.File] = []
    func note(_ name: String, group: String? = nil, tensors: [String]? = nil) throws {
      let file = try RegularFile("\(folder)/\(name)", followsLink: false)
      written.append(
        CheckpointManifest.File(
          name: name, size: file.byteCount, sha256: try file.sha256(), group: group,
          tensors: tensors))
    }
    for file in files {
      try operations.createTensorFile("\(folder)/\(file.name)", tensors: file.tensors)
      try note(file.name, group: file.group, tensors: file.tensors.map(\.name))
    }
    if let state {
      try operations.createFile("\(folder)/\(Checkpoint.stateName)", contents: state)
      try note(Checkpoint.stateName)
    }
    return written
  }

  /// A state as it is saved: the same bytes for the same values.
  static func encoded(_ state: some Encodable) throws -> Data {
    try JSONEncoder.stable(.prettyPrinted).encode(state) + Data("\n".utf8)
  }
}

/// Waits a little until a file or folder can be seen that another machine has just made: a network
/// file system remembers for a while that there was none.
func awaitName(_ path: String) {
  var status = stat()
  for attempt in 0..<6 {
    if lstat(path, &status) == 0 || (errno != ENOENT && errno != ESTALE) { return }
    // 3 s in all.
    usleep(50_000 << UInt32(attempt))
  }
}
