import Foundation
import Synchronization
import Testing
import Torch

/// What another thread than the one that trains may rely on.
@Suite struct ThreadTests {
  /// What `body` returns on a thread of its own, while this one waits.
  private func onAnotherThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) throws -> Value {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let end = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let outcome = Result(catching: body)
      result.withLock { $0 = outcome }
      end.signal()
    }
    end.wait()
    return try #require(result.withLock { $0 }).get()
  }

  /// Whether operations are recorded for autograd.
  private static func records() throws -> Bool {
    let leaf = try Tensor([Float(1)], shape: [1])
    try leaf.setRequiresGradient(true)
    return try (leaf * 2).requiresGradient
  }

  @Test func whetherGradientsAreRecordedIsEachThreadsOwn() throws {
    let (here, there) = try withoutGradient {
      (try Self.records(), try onAnotherThread { try Self.records() })
    }
    #expect(!here && there)
    #expect(try Self.records())
    let within = try onAnotherThread { try withoutGradient { try Self.records() } }
    #expect(!within)
    // A scope on another thread is open while this one records.
    let (opened, recorded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      withoutGradient {
        opened.signal()
        recorded.wait()
      }
    }
    opened.wait()
    #expect(try Self.records())
    recorded.signal()
  }
}
