import Foundation
import Safetensors
import Torch
import TorchNN

/// Tensors that a script under scripts/golden wrote.
public struct Golden {
  private let file: SafetensorsFile

  /// Opens a file by its path below Tests/Fixtures.
  public init(_ path: String) throws {
    file = try SafetensorsFile(Golden.fixtures.appending(path: path))
  }

  /// The folder Tests/Fixtures.
  public static let fixtures = packageRoot.appending(path: "Tests/Fixtures")

  /// The folder of the package that these tests belong to.
  public static let packageRoot = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The tensor of this name, of the shape it has in the file.
  public func callAsFunction(_ name: String) throws -> Tensor {
    try .read(name, shape: file.info(name)?.shape ?? [], from: file)
  }

  /// The names that begin with `prefix`, without it.
  public func names(after prefix: String) -> Set<String> {
    Set(file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
  }
}
