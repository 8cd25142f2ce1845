import Foundation
import Safetensors
import TorchNN

/// A saved state of a run, verified: every file has the length and hash it was saved with.
struct Checkpoint: Sendable {
  /// When the contents of files are looked at, and not only COMMIT and manifest.
  enum Verification {
    /// All of them at once.
    case now
    /// Each before it is used: where another process has verified all.
    case whenUsed
    case never
  }

  /// Its folder.
  let path: String
  /// Optimiser steps taken when it was saved.
  var step: Int { manifest.step }
  /// The bytes of all its files together, the manifest's apart.
  var byteCount: Int { manifest.files.reduce(0) { $0 + $1.size } }
  /// What it consists of, the manifest and COMMIT apart.
  var files: [CheckpointManifest.File] { manifest.files }
  /// What COMMIT says, the SHA-256 of the manifest: it tells the checkpoint from all others.
  let commitSHA256: String
  private let manifest: CheckpointManifest
  private let verification: Verification
  private let awaitsNames: Bool

  static let commitName = "COMMIT"
  static let stateName = "state.json"

  /// Opens the checkpoint in a folder and verifies all of it.
  ///
  /// - Parameters:
  ///   - awaitsNames: Whether other machines may have written it just now, so that names may appear
  ///     late.
  /// - Throws: ``TrainingError`` that names the file at fault.
  init(path: String, awaitsNames: Bool = false, verification: Verification = .now) throws {
    let commitPath = "\(path)/\(Self.commitName)"
    let manifestPath = "\(path)/\(CheckpointManifest.fileName)"
    if awaitsNames { awaitName(commitPath) }
    let commit = try RegularFile(commitPath, followsLink: false).contents(byteLimit: 1 << 10)
    let bytes = try RegularFile(manifestPath, followsLink: false)
      .contents(byteLimit: CheckpointManifest.byteLimit)
    guard commit.elementsEqual(Self.commitContents(for: bytes)) else {
      throw TrainingError(
        commitPath, expected: "the SHA-256 of manifest.json", found: "another text",
        advice: "one of the two files is damaged")
    }
    commitSHA256 = sha256(of: bytes)
    manifest = try CheckpointManifest(bytes, path: manifestPath)
    self.path = path
    self.verification = verification
    self.awaitsNames = awaitsNames
    if verification == .now { try manifest.files.forEach(verify) }
  }

  /// The name that its folder has, or would have among a run's.
  var name: CheckpointName {
    CheckpointName((path as NSString).lastPathComponent) ?? CheckpointName(step: step)
  }

  /// The state that was saved beside the tensors.
  ///
  /// - Throws: ``TrainingError`` when the state is not of this type.
  func state<State: Decodable>(as type: State.Type) throws -> State {
    guard let entry = manifest.files.first(where: { $0.name == Self.stateName }) else {
      throw missing(Self.stateName)
    }
    if verification == .whenUsed { try verify(entry) }
    let file = "\(path)/\(Self.stateName)"
    let bytes = try RegularFile(file, followsLink: false).contents(byteLimit: Int.max)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw TrainingError(
        file, expected: "a state as this release saves it", found: "\(error)",
        advice: "load it with the release that saved it")
    }
  }

  /// Whether any tensors were saved as `group`.
  func holds(_ group: String) -> Bool { !manifest.files(of: group).isEmpty }

  /// The files that hold any of some tensors of `group`.
  func tensorFiles(of group: String, holdingAnyOf names: Set<String>) throws -> [SafetensorsFile] {
    try manifest.files(of: group).filter { file in
      file.tensors.map { !names.isDisjoint(with: $0) } ?? true
    }.map(open)
  }

  /// Not mapped: a file that vanishes meanwhile would end the process.
  private func open(_ file: CheckpointManifest.File) throws -> SafetensorsFile {
    if verification == .whenUsed { try verify(file) }
    return try SafetensorsFile(URL(filePath: "\(path)/\(file.name)"), access: .inMemory)
  }

  /// Overwrites the parameters with those that were saved as `group`.
  ///
  /// - Parameter onlySome: Whether the group may hold others too, which other ranks load.
  /// - Throws: `NNError` unless the group holds exactly these names and shapes; ``TrainingError``
  ///   where there is no such group.
  func load(_ group: String, into parameters: [Parameter], onlySome: Bool = false) throws {
    guard holds(group) else { throw missing(Self.tensorFileName(group)) }
    var missingNames = Set(parameters.map(\.name))
    let files = manifest.files(of: group)
    for file in files {
      if onlySome, let names = file.tensors, missingNames.isDisjoint(with: names) { continue }
      let opened = try open(file)
      let names = Set(opened.names)
      let found = parameters.filter { names.contains($0.name) }
      if onlySome {
        for parameter in found {
          try parameter.tensor.assign(
            .read(parameter.name, shape: parameter.tensor.shape, from: opened))
        }
      } else {
        try found.assign(from: opened)
      }
      missingNames.subtract(names)
    }
    if let first = parameters.first(where: { missingNames.contains($0.name) }) {
      throw NNError.missingTensor(
        name: first.name, expected: first.tensor.shape,
        source: files.count == 1 ? "\(path)/\(files[0].name)" : path)
    }
  }

  static func tensorFileName(_ group: String) -> String { "\(group).safetensors" }

  /// What COMMIT says of a manifest with these bytes.
  static func commitContents(for manifest: some DataProtocol) -> Data {
    Data("\(sha256(of: manifest))\n".utf8)
  }

  private func missing(_ name: String) -> TrainingError {
    TrainingError(
      path, expected: "a checkpoint with \(name)",
      found: manifest.files.map(\.name).joined(separator: ", "),
      advice: "was it saved with other settings?")
  }

  private func verify(_ file: CheckpointManifest.File) throws {
    if awaitsNames { awaitName("\(path)/\(file.name)") }
    let opened = try RegularFile("\(path)/\(file.name)", followsLink: false)
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
