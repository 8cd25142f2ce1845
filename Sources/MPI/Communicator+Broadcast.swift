import CMPI
import Foundation

extension Communicator {
  /// Replaces the elements by the root's. Collective; as many elements on each rank.
  ///
  /// - Source: MPI 3.1, section 5.4.
  public func broadcast<T: MPIScalar>(
    _ values: UnsafeMutableBufferPointer<T>, root: Int = 0
  ) throws {
    requireRoot(root)
    try forEachPiece(of: values) { start, count in
      try check(
        cmpi_bcast(start, count, T.mpiDatatype.code, CInt(root), handle), "MPI_Bcast")
    }
  }

  /// Replaces the elements by the root's. Collective; as many elements on each rank.
  public func broadcast<T: MPIScalar>(_ values: inout [T], root: Int = 0) throws {
    try values.withUnsafeMutableBufferPointer { try broadcast($0, root: root) }
  }

  /// Returns the root's element. Collective.
  public func broadcast<T: MPIScalar>(_ value: T, root: Int = 0) throws -> T {
    var values = [value]
    try broadcast(&values, root: root)
    return values[0]
  }

  /// Returns the root's bytes, whose number only the root knows. Collective.
  ///
  /// - Parameter data: The bytes on the root; not looked at on other ranks.
  public func broadcast(_ data: Data?, root: Int = 0) throws -> Data {
    var bytes: Data
    if rank == root {
      guard let data else { preconditionFailure("the root has to give the data to broadcast") }
      bytes = data
    } else {
      bytes = Data()
    }
    let count = Int(try broadcast(Int64(bytes.count), root: root))
    if rank != root { bytes = Data(count: count) }
    try bytes.withUnsafeMutableBytes { try broadcast($0.bindMemory(to: UInt8.self), root: root) }
    return bytes
  }

  /// Returns the root's text, whose length only the root knows. Collective.
  ///
  /// - Parameter text: The text on the root; not looked at on other ranks.
  public func broadcast(_ text: String?, root: Int = 0) throws -> String {
    let bytes = try broadcast(text.map { Data($0.utf8) }, root: root)
    guard let result = String(validating: bytes, as: UTF8.self) else {
      throw MPIError.invalidText(operation: "broadcast")
    }
    return result
  }
}
