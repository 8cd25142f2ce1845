/// One printable character for each byte, so that a token can stand in a text file.
///
/// The bytes that print in Latin-1 are themselves; the others are the characters from U+0100 on.
///
/// - Source: openai/CLIP, clip/simple_tokenizer.py, `bytes_to_unicode`.
enum ByteAlphabet {
  /// What marks a token that ends a word.
  static let wordEnd = "</w>"

  /// All bytes in the order of their token ids: the printable ones first.
  static let order: [UInt8] = {
    let isPrintable = (UInt8.min...UInt8.max).map {
      (33...126).contains($0) || (161...172).contains($0) || (174...255).contains($0)
    }
    let bytes = UInt8.min...UInt8.max
    return bytes.filter { isPrintable[Int($0)] } + bytes.filter { !isPrintable[Int($0)] }
  }()

  /// The character of each byte, by the byte's value: [256].
  static let characters: [String] = {
    let printableCount = 188
    var characters = [String](repeating: "", count: 256)
    for (index, byte) in order.enumerated() {
      let scalar =
        index < printableCount
        ? Unicode.Scalar(byte) : Unicode.Scalar(UInt16(256 + index - printableCount))
      characters[Int(byte)] = scalar.map { String(Character($0)) } ?? ""
    }
    return characters
  }()
}
