import Testing
import Torch

@Suite struct GradientCheckpointingTests {
  /// The gradients of sum(seed * silu(x * w) * w) with respect to x and w.
  private func gradients(recomputing: Bool) throws -> [[Double]?] {
    let (x, w) = (try leaf([1, -2, 3]), try leaf([0.5, 2, -1]))
    func body(_ inputs: [Tensor]) throws -> Tensor { try (inputs[0] * w).activated(.silu) * w }
    let y = try recomputing ? recomputed([x], body) : body([x])
    try y.backward(seed: vector(1, 10, 100))
    return try [x, w].map { try $0.gradient()?.values() }
  }

  @Test func theGradientsAreThoseOfThePlainFunction() throws {
    let expected = try gradients(recomputing: false)
    #expect(try gradients(recomputing: true) == expected)
    #expect(!expected.contains(nil))
  }

  @Test func parametersInsideGetTheirGradientWhereNoInputHasOne() throws {
    let (x, w) = (try vector(2, 3), try leaf([5, 7]))
    let y = try recomputed([x]) { try $0[0] * w }
    #expect(y.requiresGradient)
    try y.sum().backward()
    #expect(try w.gradient()?.values() == [2.0, 3])
    #expect(try x.gradient() == nil)
  }

  @Test func oneInsideAnotherWorks() throws {
    let (x, w) = (try leaf([2]), try leaf([5]))
    let y = try recomputed([x]) { inputs in
      try recomputed([inputs[0] * 3]) { try $0[0].squared() * w }
    }
    try y.backward()
    #expect(try x.gradient()?.values() == [180.0])
    #expect(try w.gradient()?.values() == [36.0])
  }

  @Test func theBodyRunsOnceMoreForEachGradientAndOnceWithoutOne() throws {
    let (x, calls) = (try leaf([2]), Calls())
    func body(_ inputs: [Tensor]) throws -> Tensor {
      calls.count += 1
      return try inputs[0].squared()
    }
    let y = try recomputed([x], body)
    #expect(calls.count == 1)
    try y.backward()
    #expect(calls.count == 2)
    try withoutGradient { _ = try recomputed([x], body) }
    #expect(calls.count == 3)
  }

  @Test func anErrorInsideIsToldInBothDirections() throws {
    let (x, calls) = (try leaf([2, 3]), Calls())
    let forward = #expect(throws: TensorError.self) {
      try recomputed([x]) { try $0[0].reshaped([3]) }
    }
    #expect(forward?.description.contains("shape '[3]' is invalid for input of size 2") == true)
    let y = try recomputed([x]) { inputs in
      calls.count += 1
      return calls.count == 1 ? try inputs[0].squared() : try inputs[0].reshaped([3])
    }
    let backward = #expect(throws: TensorError.self) { try y.backward() }
    #expect(backward?.description.contains("shape '[3]' is invalid for input of size 2") == true)
  }

  @Test func runningOutOfMemoryInsideIsToldApart() throws {
    let x = try leaf([2])
    let error = #expect(throws: TensorError.self) {
      try recomputed([x]) { _ throws -> Tensor in
        throw TensorError.outOfMemory(operation: "conv2d", reason: "none left")
      }
    }
    guard case .outOfMemory = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// In a process of its own: tensors of other tests would count too.
  @Test func neitherActivationsNorHandlesAreKept() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let count = 100_000
      let handles = Runtime.liveHandleCount
      func bytesHeld(recomputing: Bool) throws -> Int {
        let x = try Tensor.zeros(shape: [count])
        try x.setRequiresGradient(true)
        func body(_ inputs: [Tensor]) throws -> Tensor {
          try (0..<8).reduce(inputs[0]) { h, _ in try h.activated(.silu) }
        }
        let before = try Device.cpu.memoryBytes().live
        let y = try recomputing ? recomputed([x], body) : body([x])
        let held = try Device.cpu.memoryBytes().live - before
        try y.sum().backward()
        return held
      }
      // The output alone, where a plain graph keeps the input of every operation too.
      let (recomputing, keeping) = try (bytesHeld(recomputing: true), bytesHeld(recomputing: false))
      #expect(recomputing < 2 * 4 * count)
      #expect(keeping > 7 * 4 * count)
      #expect(Runtime.liveHandleCount == handles)
    }
  }
}

/// How often a closure was run.
private final class Calls {
  var count = 0
}
