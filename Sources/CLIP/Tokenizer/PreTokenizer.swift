import Foundation

/// Cuts a text into the words that byte-pair encoding works on, by the rules of CLIP's tokenizer.
///
/// All of it is about Unicode scalars: a Swift Character holds a letter together with its combining
/// marks, which the rules part.
///
/// - Source: transformers 5.23, models/clip/tokenization_clip.py: its normalizer and pre-tokenizer.
enum PreTokenizer {
  /// The text composed (NFC), with each run of white space as one space, in lower case.
  ///
  /// Each scalar is lowered by itself, with no look at its neighbours: a final sigma becomes σ.
  static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for scalar in composed(text) {
      if !scalar.properties.isWhitespace {
        result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      } else if result.last != " " {
        result.append(" ")
      }
    }
    return result
  }

  /// The text composed as Unicode 9 has it, which transformers' tokenizers know: what came later is
  /// no combining mark, and stays where it is.
  private static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    func isLater(_ scalar: Unicode.Scalar) -> Bool { (scalar.properties.age?.major ?? 0) > 9 }
    var result: [Unicode.Scalar] = []
    var rest = text[...]
    while !rest.isEmpty {
      let known = rest.prefix { !isLater($0) }
      // Decomposed first: Foundation's composition alone leaves a Hangul syllable and a final
      // consonant after it apart.
      result +=
        string(known).decomposedStringWithCanonicalMapping
        .precomposedStringWithCanonicalMapping.unicodeScalars
      let later = rest.dropFirst(known.count).prefix(while: isLater)
      result += later
      rest = rest.dropFirst(known.count + later.count)
    }
    return result
  }

  /// The words of a normalized text: contractions, runs of letters, single digits, and runs of
  /// whatever is neither letter, digit nor space. Spaces are dropped.
  static func words(in text: [Unicode.Scalar]) -> [String] {
    var words: [String] = []
    var rest = text[...]
    func take(_ count: Int) {
      words.append(string(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    while let first = rest.first {
      let kind = Kind(first)
      if kind == .space {
        rest = rest.dropFirst()
      } else if let marker = markers.first(where: rest.starts(with:)) {
        // The rules keep a marker whole, and the byte-level step then cuts it by its own.
        for length in [2, marker.count - 4, 2] { take(length) }
      } else if let contraction = contractions.first(where: rest.starts(with:)) {
        take(contraction.count)
      } else if kind == .digit {
        take(1)
      } else {
        take(rest.prefix { Kind($0) == kind }.count)
      }
    }
    return words
  }

  /// The text of some scalars.
  static func string(_ scalars: some Collection<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  private static let markers = ["<|startoftext|>", "<|endoftext|>"].map {
    Array($0.unicodeScalars)
  }
  private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
    Array($0.unicodeScalars)
  }

  private enum Kind {
    case space, letter, digit, other

    init(_ scalar: Unicode.Scalar) {
      // Oniguruma, which applies the rules in transformers, knows Unicode 16. What came later counts
      // as unassigned, whatever this toolchain knows.
      guard let age = scalar.properties.age, age.major <= 16 else {
        self = .other
        return
      }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .digit
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }
}
