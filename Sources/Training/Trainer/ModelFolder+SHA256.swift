import Crypto
import Foundation
import StableDiffusion

extension ModelFolder {
  /// SHA-256 over all files with weights, in hexadecimal: what tells a model from another.
  func weightsSHA256() throws -> String {
    var hash = SHA256()
    for path in weightFiles {
      let file = try FileHandle(forReadingFrom: URL(filePath: path))
      while let part = try file.read(upToCount: 1 << 22), !part.isEmpty { hash.update(data: part) }
      try file.close()
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}
