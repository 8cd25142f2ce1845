/// Byte-pair encoding of single words, on token ids.
///
/// - Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
///   section 3.2; huggingface/tokenizers, models/bpe/word.rs, `merge_all`, for the order of merges.
struct BytePairEncoder: Sendable {
  private struct Pair: Hashable {
    let left: Int
    let right: Int
  }

  private struct Merge {
    let rank: Int
    let id: Int
  }

  /// The id of each byte within a word: [256].
  private let innerIDs: [Int]
  /// The id of each byte at a word's end: [256].
  private let finalIDs: [Int]
  private var merges: [Pair: Merge] = [:]

  /// An encoder without merges, for the ids of each byte within and at the end of a word: [256].
  init(innerIDs: [Int], finalIDs: [Int]) {
    self.innerIDs = innerIDs
    self.finalIDs = finalIDs
  }

  /// Adds a merge of lower priority than all before. A pair given twice counts as the second.
  mutating func addMerge(of left: Int, and right: Int, into id: Int, rank: Int) {
    merges[Pair(left: left, right: right)] = Merge(rank: rank, id: id)
  }

  /// The ids of a word's tokens. The merge of lowest rank goes first, the leftmost among equals.
  func encode(_ word: String) -> [Int] {
    let bytes = Array(word.utf8)
    guard let last = bytes.last else { return [] }
    var ids = bytes.dropLast().map { innerIDs[Int($0)] }
    ids.append(finalIDs[Int(last)])

    // The rank of the pair that begins at each place: ranks[i] is of ids[i] and ids[i + 1].
    var ranks = zip(ids, ids.dropFirst()).map { rank($0, $1) }
    while let best = ranks.min(), best != .max, let place = ranks.firstIndex(of: best),
      let merge = merges[Pair(left: ids[place], right: ids[place + 1])]
    {
      ids[place] = merge.id
      ids.remove(at: place + 1)
      ranks.remove(at: place)
      if place > 0 { ranks[place - 1] = rank(ids[place - 1], ids[place]) }
      if place < ranks.count { ranks[place] = rank(ids[place], ids[place + 1]) }
    }
    return ids
  }

  private func rank(_ left: Int, _ right: Int) -> Int {
    merges[Pair(left: left, right: right)]?.rank ?? .max
  }
}
