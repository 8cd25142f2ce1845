import Foundation

/// Prompts in JSON.
enum JSONPrompts {
  /// The prompts of a file with an object a line.
  static func lines(of text: PromptText) throws -> [String] {
    let decoder = JSONDecoder()
    return try text.lines.filter { !$0.text.isEmpty }.map { line in
      let data = Data(line.text.utf8)
      do {
        let entry = try decoder.decode(Object.self, from: data)
        return try text.checked(entry.prompt, line: line.number)
      } catch let error as DecodingError {
        throw TrainingError(
          text.path, line: line.number,
          expected: #"a JSON object with a text "prompt", such as {"prompt": "a red fox"}"#,
          found: reason(error, data))
      }
    }
  }

  /// The prompts of a file that is one list.
  static func list(in text: PromptText) throws -> [String] {
    let data = Data(text.bytes)
    do {
      return try JSONDecoder().decode([Entry].self, from: data).enumerated().map {
        do {
          return try text.checked($1.prompt, line: nil)
        } catch let error as TrainingError {
          throw TrainingError(
            "\(text.path), entry \($0 + 1)", expected: error.expected, found: error.found,
            advice: error.advice)
        }
      }
    } catch let error as DecodingError {
      throw TrainingError(
        text.path, expected: #"a JSON list of texts or of objects with a text "prompt""#,
        found: reason(error, data))
    }
  }

  private struct Object: Decodable {
    let prompt: String
  }

  /// A text, or an object with one.
  private struct Entry: Decodable {
    let prompt: String

    init(from decoder: any Decoder) throws {
      if let text = try? decoder.singleValueContainer().decode(String.self) {
        prompt = text
      } else {
        prompt = try Object(from: decoder).prompt
      }
    }
  }

  /// What came instead, in a few words.
  private static func reason(_ error: DecodingError, _ data: Data) -> String {
    switch error {
    case .keyNotFound(_, let context): "none" + place(context)
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "something else" + place(context)
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

  private static func place(_ context: DecodingError.Context) -> String {
    context.codingPath.first?.intValue.map { " in entry \($0 + 1)" } ?? ""
  }
}
