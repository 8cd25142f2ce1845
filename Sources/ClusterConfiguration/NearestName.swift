/// Edit distance between two words: insertions, deletions, replacements and swapped neighbours.
///
/// - Source: the restricted Damerau-Levenshtein distance ("optimal string alignment").
func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first)
  let b = Array(second)
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        best = min(best, beforeLast[j - 1] + 1)
      }
      row.append(best)
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}

extension Sequence where Element == String {
  /// The candidate spelled most like `name`, `nil` when none is near.
  ///
  /// Case, hyphens and underscores do not count. Near is one slip in a short word, up to three
  /// in a long one, counted on the part after the last dot.
  func nearest(to name: String) -> String? {
    let wanted = name.foldedForComparison
    guard wanted.count <= 100 else { return nil }
    let slips = Swift.min(3, Swift.max(1, wanted.lastComponent.count / 3))
    return map { (name: $0, distance: editDistance($0.foldedForComparison, wanted)) }
      .filter { $0.distance <= slips }
      .min { $0.distance < $1.distance }?
      .name
  }
}

extension String {
  /// Lower case without hyphens and underscores, so that `learning_rate` is `learningRate`.
  var foldedForComparison: String {
    lowercased().filter { $0 != "_" && $0 != "-" }
  }

  /// What stands after the last dot.
  var lastComponent: String {
    String(split(separator: ".", omittingEmptySubsequences: false).last ?? "")
  }
}
