import Foundation
import Safetensors
import TorchNN

/// A saved state of a run, verified: every file has the length and hash it was saved with.
struct Checkpoint: Sendable {
  /// Its folder.
  let path: String
  /// Optimiser steps taken when it was saved.
  let step: Int
  private let files: [CheckpointManifest.File]

  static let commitName = "COMMIT"
  static let stateName = "state.json"

  /// Opens the checkpoint in a folder and verifies all of it.
  ///
  /// - Throws: ``TrainingError`` that names the file at fault.
  init(path: String) throws {
    let commitPath = "\(path)/\(Self.commitName)"
    let manifestPath = "\(path)/\(CheckpointManifest.fileName)"
    let commit = try RegularFile(commitPath, followsLink: false).contents(byteLimit: 1 << 10)
    let manifest = try RegularFile(manifestPath, followsLink: false)
      .contents(byteLimit: CheckpointManifest.byteLimit)
    guard commit.elementsEqual(Self.commitContents(for: manifest)) else {
      throw TrainingError(
        commitPath, expected: "the SHA-256 of manifest.json", found: "another text",
        advice: "one of the two files is damaged")
    }
    let contents = try CheckpointManifest(manifest, path: manifestPath)
    for file in contents.files { try Self.verify(file, in: path) }
    self.path = path
    step = contents.step
    files = contents.files
  }

  /// The state that was saved beside the tensors.
  ///
  /// - Throws: ``TrainingError`` when the state is not of this type.
  func state<State: Decodable>(as type: State.Type) throws -> State {
    let file = try filePath(Self.stateName)
    let bytes = try RegularFile(file, followsLink: false).contents(byteLimit: Int.max)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw TrainingError(
        file, expected: "a state as this release saves it", found: "\(error)",
        advice: "load it with the release that saved it")
    }
  }

  /// Overwrites the parameters with those that were saved as `file`.
  ///
  /// - Parameter file: The name that the file was saved under, without its ending.
  /// - Throws: `NNError` unless the file holds exactly these names and shapes; ``TrainingError``
  ///   where there is no such file.
  func load(_ file: String, into parameters: [Parameter]) throws {
    let url = URL(filePath: try filePath(Self.tensorFileName(file)))
    // Not mapped: a file that vanishes meanwhile would end the process.
    try parameters.assign(from: SafetensorsFile(url, access: .inMemory))
  }

  static func tensorFileName(_ name: String) -> String { "\(name).safetensors" }

  /// What COMMIT says of a manifest with these bytes.
  static func commitContents(for manifest: some DataProtocol) -> Data {
    Data("\(sha256(of: manifest))\n".utf8)
  }

  private func filePath(_ name: String) throws -> String {
    guard files.contains(where: { $0.name == name }) else {
      throw TrainingError(
        path, expected: "a checkpoint with \(name)",
        found: files.map(\.name).joined(separator: ", "),
        advice: "was it saved with other settings?")
    }
    return "\(path)/\(name)"
  }

  private static func verify(_ file: CheckpointManifest.File, in folder: String) throws {
    let opened = try RegularFile("\(folder)/\(file.name)", followsLink: false)
    guard opened.byteCount == file.size else {
      throw TrainingError(
        opened.path, expected: "\(file.size) bytes, as saved", found: "\(opened.byteCount)")
    }
    guard try opened.sha256() == file.sha256 else {
      throw TrainingError(
        opened.path, expected: "the bytes that were saved", found: "others with another SHA-256")
    }
  }
}
