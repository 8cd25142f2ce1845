import CMPI

/// How the threads of a process may use MPI, in rising order.
///
/// - Source: MPI 3.1, section 12.4.3.
public enum MPIThreadLevel: String, Sendable, Comparable, CaseIterable {
  /// The process has one thread.
  case single
  /// Only the thread that initialised MPI calls it.
  case funneled
  /// Any thread calls MPI, one at a time.
  case serialized
  /// Any threads call MPI at the same time, on communicators of their own.
  case multiple

  /// Whether `left` allows less than `right`.
  public static func < (left: Self, right: Self) -> Bool {
    left.order < right.order
  }

  private var order: UInt32 { code.rawValue }

  var code: cmpi_threads {
    switch self {
    case .single: .single
    case .funneled: .funneled
    case .serialized: .serialized
    case .multiple: .multiple
    }
  }

  init(_ code: cmpi_threads) {
    switch code {
    case .single: self = .single
    case .funneled: self = .funneled
    case .serialized: self = .serialized
    case .multiple: self = .multiple
    }
  }
}
