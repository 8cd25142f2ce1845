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

  /// Identifies the tokenizer: the SHA-256 of its files, names included.
  func tokenizerSHA256() throws -> String {
    let folder = "\(path)/tokenizer"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let parts = try names.map { "\($0) \(try RegularFile("\(folder)/\($0)").sha256())" }
    return sha256(of: Data(parts.joined(separator: "\n").utf8))
  }
}
