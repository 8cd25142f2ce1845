import Crypto
import StableDiffusion

extension ModelFolder {
  /// SHA-256 over all files with weights, in hexadecimal: what tells a model from another.
  func weightsSHA256() throws -> String {
    var hash = SHA256()
    for path in try weightFiles() { try RegularFile(path).update(&hash) }
    return hash.finalize().hexadecimal
  }
}
