/// What this rank is at, for its own display and for those who watch it.
extension Trainer {
  /// Says that a part of the run begins.
  ///
  /// - Parameter count: This rank's images or passes in it.
  func begin(_ name: String, of count: Int) {
    display?.begin(name, epoch: state.epoch + 1, of: count)
    part = (name, count)
    tellProgress()
  }

  /// Says that one of the part's images or passes is done.
  func advance() {
    display?.advance()
    part.remainingCount -= 1
    tellProgress()
  }

  /// Says what this rank does from now on.
  ///
  /// - Parameter phase: The phase that is on; between phases a rank goes on with its part or, where
  ///   that is done, waits for the others.
  func tellProgress(_ phase: Phase? = nil) {
    onProgress?(
      phase?.operation ?? (part.remainingCount > 0 ? part.name : "waiting for the other ranks"),
      state.step)
  }
}

extension Phase {
  /// What a rank does in it, as a person reads it.
  fileprivate var operation: String {
    switch self {
    case .encode: "encoding texts"
    case .sample: "sampling"
    case .decode: "decoding images"
    case .reward: "scoring"
    case .reference: "sampling for the reference"
    case .gradient: "training"
    case .communicate: "averaging gradients"
    case .update: "updating"
    }
  }
}
