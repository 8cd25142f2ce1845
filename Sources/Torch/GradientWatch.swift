import CTorch

/// Tells, while a backward pass is still at work, which groups of gradients it is done with.
///
/// A tensor is in one watch at a time. It ends with the last reference.
public final class GradientWatch {
  private let watch: ct_watch
  private let report: Report

  /// What libtorch calls; apart from the watch, which is made with it.
  private final class Report {
    let groupIsComplete: (Int) -> Void

    init(_ groupIsComplete: @escaping (Int) -> Void) {
      self.groupIsComplete = groupIsComplete
    }
  }

  /// Watches until it is let go of.
  ///
  /// - Parameters:
  ///   - groups: Leaf tensors that require gradients.
  ///   - groupIsComplete: Called with a group's index, once, as soon as each of its tensors was given
  ///     a gradient; on the thread that computes gradients, while `backward` waits for it.
  public init(_ groups: [[Tensor]], groupIsComplete: @escaping (Int) -> Void) throws {
    report = Report(groupIsComplete)
    let indices = groups.enumerated().flatMap { index, tensors in tensors.map { _ in Int32(index) }
    }
    let context = Unmanaged.passUnretained(report).toOpaque()
    var out = ct_watch(impl: nil)
    let status = withHandles(groups.flatMap(\.self)) { handles in
      ct_watch_gradients(
        handles, indices, Int32(handles.count), Int32(groups.count), context,
        { context, group in
          guard let context else { return }
          Unmanaged<Report>.fromOpaque(context).takeUnretainedValue().groupIsComplete(Int(group))
        }, &out)
    }
    try check(status, "GradientWatch.init")
    watch = out
  }

  deinit {
    ct_unwatch_gradients(watch)
  }
}
