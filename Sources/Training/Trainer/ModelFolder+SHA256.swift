import ClusterConfiguration
import Crypto
import Foundation
import StableDiffusion

extension ModelFolder {
  /// SHA-256 over all files with weights, in hexadecimal: what tells a model from another.
  func weightsSHA256() throws -> String {
    var hash = SHA256()
    for path in try weightFiles() { try RegularFile(path).update(&hash) }
    return hash.finalize().hexadecimal
  }

  /// Identifies what the model has beside its weights, such as the scheduler's configuration.
  func settingsSHA256() throws -> String { try sha256(ofFiles: settingFiles(), in: path) }

  /// Identifies the tokenizer: the SHA-256 of its files, names included.
  func tokenizerSHA256() throws -> String {
    let folder = "\(path)/tokenizer"
    return try sha256(
      ofFiles: FileManager.default.contentsOfDirectory(atPath: folder).sorted(), in: folder)
  }
}

extension RunConfiguration.Reward {
  /// Identifies the files that it names: those of its model that may be read, and others.
  func filesSHA256() throws -> String {
    let names = model.isEmpty ? [] : try FileManager.default.contentsOfDirectory(atPath: model)
    let read = names.filter {
      ["json", "txt", "safetensors"].contains(($0 as NSString).pathExtension)
    }
    let others = try [head, path].filter { !$0.isEmpty }.map { try RegularFile($0).sha256() }
    return try ([sha256(ofFiles: read.sorted(), in: model)] + others).joined(separator: " ")
  }
}

extension [RunConfiguration.Reward] {
  /// What of them has to be the same on all ranks, by a name for it.
  func fingerprints() throws -> [(name: String, content: String)] {
    try map { ("files of reward \($0.name)", try $0.filesSHA256()) }
  }
}

/// The SHA-256 of files in a folder, names included.
private func sha256(ofFiles names: [String], in folder: String) throws -> String {
  let parts = try names.map { "\($0) \(try RegularFile("\(folder)/\($0)").sha256())" }
  return sha256(of: Data(parts.joined(separator: "\n").utf8))
}
