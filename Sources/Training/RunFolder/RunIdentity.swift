import Foundation

/// Tells a run from all others: the contents of `run.json`, written when it begins.
struct RunIdentity: Codable, Equatable {
  let formatVersion: Int
  /// Chosen at random.
  let id: String
  /// SHA-256 of the settings that must not change on a resume.
  let configurationSHA256: String
  /// SHA-256 of the weights that the run started from.
  let modelSHA256: String
  /// SHA-256 of the file of prompts.
  let promptsSHA256: String

  static let currentFormatVersion = 1

  /// A new run.
  init(configurationSHA256: String, modelSHA256: String, promptsSHA256: String) {
    formatVersion = Self.currentFormatVersion
    id = UUID().uuidString.lowercased()
    self.configurationSHA256 = configurationSHA256
    self.modelSHA256 = modelSHA256
    self.promptsSHA256 = promptsSHA256
  }

  /// Writes the file whole.
  ///
  /// - Throws: ``TrainingError``.
  func write(to path: String) throws {
    let contents = try JSONEncoder.stable(.prettyPrinted).encode(self) + Data("\n".utf8)
    try DiskOperations().replaceFile(path, contents: contents)
  }
}
