import Foundation
import Synchronization

/// Work on a thread of its own, and in the end what came of it.
final class BackgroundWork<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let end = DispatchGroup()

  /// Begins the work.
  init(_ work: @escaping @Sendable () throws -> Value) {
    end.enter()
    Thread.detachNewThread { [self] in
      let outcome = Result(catching: work)
      result.withLock { $0 = outcome }
      end.leave()
    }
  }

  /// Whether it has come to its end; never waits.
  var isDone: Bool { result.withLock { $0 != nil } }

  /// Waits for the end.
  func wait() throws -> Value {
    end.wait()
    guard let outcome = result.withLock({ $0 }) else {
      preconditionFailure("work that has ended has a result")
    }
    return try outcome.get()
  }
}
