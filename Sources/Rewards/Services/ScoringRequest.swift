import Foundation
import Images

/// Some pictures that a service is asked about at once, and the words in which it is asked.
///
/// A request is a JSON object:
///
///     {"id": 7, "prompts": ["a cat", "a cat"], "images": ["iVBORw0KGgo…", "iVBORw0KGgo…"]}
///
/// with the prompt of each picture, and each picture as a PNG in base64; or with `paths`, the places
/// of PNG files, instead of `images`. The answer has as many scores, the higher the better, and null
/// where the service cannot say; or it says why it has none at all:
///
///     {"id": 7, "scores": [0.25, null]}
///     {"id": 7, "error": "no face in the picture"}
struct ScoringRequest: Sendable {
  let prompts: [String]
  let images: [Image]

  /// A line's worth of JSON.
  ///
  /// - Parameters:
  ///   - id: Comes back with the answer; `nil` where a connection tells whose answer it is.
  ///   - folder: Where the pictures are written as files `0.png` and so on; `nil` to send them
  ///     themselves.
  func json(id: Int?, folder: String?) throws -> Data {
    let pictures = try images.map { try $0.pngData() }
    var body = Body(id: id, prompts: prompts)
    if let folder {
      body.paths = try pictures.enumerated().map { index, picture in
        let path = "\(folder)/\(index).png"
        try picture.write(to: URL(filePath: path))
        return path
      }
    } else {
      body.images = pictures.map { $0.base64EncodedString() }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(body)
  }

  private struct Body: Encodable {
    let id: Int?
    let prompts: [String]
    var images: [String]?
    var paths: [String]?
  }

  /// More than any answer takes: scores are short, and a reason is a line.
  var answerByteLimit: Int { 65_536 + 64 * images.count }

  /// Reads an answer.
  ///
  /// - Parameter id: What the answer has to repeat; `nil` for nothing.
  func scores(inAnswer data: Data, id: Int?) throws(ServiceFailure) -> [Score] {
    let answer: Answer
    do {
      answer = try JSONDecoder().decode(Answer.self, from: data)
    } catch {
      throw ServiceFailure(
        "must answer a JSON object such as {\(id.map { "\"id\": \($0), " } ?? "")"
          + "\"scores\": [0.5, null]}, got \(data.shown)")
    }
    if let id, answer.id != id {
      let found = answer.id.map { "id \($0)" } ?? "no id"
      throw ServiceFailure("must answer request \(id) with \"id\": \(id), got \(found)")
    }
    if let reason = answer.error {
      return images.map { _ in .missing(reason: "it says: \(Data(reason.utf8).shown)") }
    }
    guard let scores = answer.scores else {
      throw ServiceFailure("must answer with \"scores\" or \"error\", got \(data.shown)")
    }
    guard scores.count == images.count else {
      throw ServiceFailure(
        "must give \(images.count) scores, one for each image, got \(scores.count)")
    }
    return try scores.enumerated().map { index, score throws(ServiceFailure) in
      switch score {
      case .number(let number): return .value(number)
      case .null: return .missing(reason: "it gave no score")
      case .other(let text):
        throw ServiceFailure(
          "must give numbers or null for scores, got \(text) for image \(index)")
      }
    }
  }

  private struct Answer: Decodable {
    let id: Int?
    let scores: [AnsweredScore]?
    let error: String?
  }

  private enum AnsweredScore: Decodable {
    case number(Double), null, other(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let truth = try? container.decode(Bool.self) {
        self = .other("\(truth)")
      } else if let number = try? container.decode(Double.self) {
        self = number.isFinite ? .number(number) : .other("\(number)")
      } else if let text = try? container.decode(String.self) {
        self = .other("the text \"\(Data(text.utf8).shown)\"")
      } else {
        self = .other("a list or an object")
      }
    }
  }
}

/// Why a service did not do what it was asked, once.
struct ServiceFailure: Error, Equatable {
  /// What was expected and what came, after `reward pick: the program `.
  let reason: String
  /// Whether asking again may help.
  let mayRetry: Bool

  init(_ reason: String, mayRetry: Bool = true) {
    self.reason = reason
    self.mayRetry = mayRetry
  }
}

extension Data {
  /// The bytes as a message may show them: short, and without characters that move a cursor.
  var shown: String {
    let limit = 80
    let text = String(decoding: prefix(4 * limit), as: UTF8.self).unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? " " : Character(scalar)
    }
    let trimmed = String(text).trimmingCharacters(in: .whitespaces)
    return trimmed.isEmpty
      ? "nothing" : trimmed.count > limit ? trimmed.prefix(limit) + "…" : trimmed
  }
}
