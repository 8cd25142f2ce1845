import Foundation

/// Prompts in JSON.
enum JSONPrompts {
  /// The prompt of an object on a line of its own.
  static func prompt(ofLine line: UnsafeRawBufferPointer, at place: PromptPlace) throws -> Prompt {
    let data = Data(line)
    do {
      let object = try JSONDecoder().decode(Object.self, from: data)
      return try place.prompt(object.prompt, negative: object.negative_prompt)
    } catch let error as DecodingError {
      throw place.error(
        expected: #"a JSON object with a text "prompt", such as {"prompt": "a red fox"}"#,
        found: reason(error, data))
    }
  }

  /// The prompt of an entry of a list: a text, or an object with one.
  static func prompt(ofEntry entry: UnsafeRawBufferPointer, at place: PromptPlace) throws -> Prompt
  {
    let data = Data(entry)
    do {
      switch entry.first {
      case UInt8(ascii: "\""):
        return try place.prompt(
          JSONDecoder().decode(String.self, from: data), negative: nil)
      case UInt8(ascii: "{"):
        let object = try JSONDecoder().decode(Object.self, from: data)
        return try place.prompt(object.prompt, negative: object.negative_prompt)
      default:
        throw wrongList(place.path, found: somethingElse + inEntry(place))
      }
    } catch let error as DecodingError {
      throw wrongList(place.path, found: reason(error, data) + inEntry(place))
    }
  }

  /// What a file is told that should be a list and is not.
  static func wrongList(_ path: String, found: String) -> TrainingError {
    TrainingError(
      path, expected: #"a JSON list of texts or of objects with a text "prompt""#, found: found)
  }

  static let somethingElse = "something else"

  private static func inEntry(_ place: PromptPlace) -> String {
    place.entry.map { " in entry \($0)" } ?? ""
  }

  /// The length in bytes of the entry that begins where `window` does; `nil` where the window ends
  /// before it.
  static func entryLength(in window: UnsafeRawBufferPointer) -> Int? {
    var depth = 0
    var isInText = false
    var place = 0
    while place < window.count {
      let byte = window[place]
      if isInText {
        switch byte {
        case UInt8(ascii: "\\"): place += 1
        case UInt8(ascii: "\""):
          isInText = false
          if depth == 0 { return place + 1 }
        default: break
        }
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInText = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          // The list's own end, after a number or a word.
          guard depth > 0 else { return place }
          depth -= 1
          if depth == 0 { return place + 1 }
        case UInt8(ascii: ","):
          if depth == 0 { return place }
        default: break
        }
      }
      place += 1
    }
    return nil
  }

  private struct Object: Decodable {
    let prompt: String
    // As it is written in the file.
    let negative_prompt: String?
  }

  /// What came instead, in a few words.
  private static func reason(_ error: DecodingError, _ data: Data) -> String {
    switch error {
    case .keyNotFound: "none"
    case .typeMismatch, .valueNotFound: somethingElse
    default: "invalid JSON" + syntaxError(in: data)
    }
  }

  /// What Foundation's other reader, unlike the decoder, tells of broken JSON.
  private static func syntaxError(in data: Data) -> String {
    do {
      _ = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)
      return ""
    } catch {
      let text = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
      return text.map { ": \($0)" } ?? ""
    }
  }
}
