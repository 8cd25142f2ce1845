import Foundation

/// The files of a tokenizer, read with a limit on their size.
struct TokenizerFolder {
  let url: URL

  /// OpenAI's vocabulary takes 1 MB as vocab.json and 3.6 MB as tokenizer.json.
  private static let byteLimit = 16 << 20

  func path(_ name: String) -> String { url.appending(path: name).path }

  /// The contents of a file, or nil if it is not there.
  ///
  /// - Throws: `CLIPError` if it is no regular file, too large or unreadable.
  func contents(_ name: String) throws(CLIPError) -> Data? {
    // Links are followed, as in the caches of model hubs.
    let file = url.appending(path: name).resolvingSymlinksInPath()
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    do {
      // The kind is looked at before opening: opening a pipe would wait for a writer.
      let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
      guard attributes[.type] as? FileAttributeType == .typeRegular else {
        throw CLIPError.malformedFile(path: path(name), reason: "is not a regular file")
      }
      let handle = try FileHandle(forReadingFrom: file)
      let data = try handle.read(upToCount: Self.byteLimit + 1) ?? Data()
      guard data.count <= Self.byteLimit else {
        throw CLIPError.malformedFile(
          path: path(name),
          reason: "has more than \(Self.byteLimit) bytes, too many for a tokenizer")
      }
      return data
    } catch let error as CLIPError {
      throw error
    } catch {
      throw .inaccessibleFile(path: path(name), reason: "cannot be read: \(error)")
    }
  }

  /// The text of a file, or nil if it is not there.
  func text(_ name: String) throws(CLIPError) -> String? {
    guard let data = try contents(name) else { return nil }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .malformedFile(path: path(name), reason: "is not UTF-8 text")
    }
    return text
  }

  /// The JSON of a file, or nil if it is not there.
  func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws(CLIPError) -> Value? {
    guard let data = try contents(name) else { return nil }
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .malformedFile(path: path(name), reason: Self.reason(of: error))
    }
  }

  private static func reason(of error: any Error) -> String {
    switch error {
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    default: return "\(error)"
    }
  }
}
