extension [Double] {
  /// The middle one, or the mean of the two in the middle. Of one at least.
  var median: Double {
    let sorted = sorted()
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
