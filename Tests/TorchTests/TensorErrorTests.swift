import Testing
import Torch

@Suite struct TensorErrorTests {
  /// A call that must fail, and the text it must fail with.
  struct Failure: Sendable, CustomTestStringConvertible {
    let text: String
    let run: @Sendable () throws -> Void

    init(_ text: String, _ run: @escaping @Sendable () throws -> Void) {
      self.text = text
      self.run = run
    }

    var testDescription: String { text }
  }

  static let failures = [
    Failure(
      "+(float32 [2, 3], float32 [4]): The size of tensor a (3) must match the size of tensor b (4) "
        + "at non-singleton dimension 1"
    ) { _ = try zeros([2, 3]) + zeros([4]) },
    Failure(
      "matmul(float32 [2, 3], float32 [2, 3]): mat1 and mat2 shapes cannot be multiplied (2x3 and "
        + "2x3)"
    ) { _ = try zeros([2, 3]).matmul(zeros([2, 3])) },
    Failure("reshaped to [4](float32 [2, 3]): shape '[4]' is invalid for input of size 6") {
      _ = try zeros([2, 3]).reshaped([4])
    },
    Failure(
      "narrowed to 2..<5(float32 [4]): start (2) + length (3) exceeds dimension size (4)."
    ) { _ = try zeros([4]).narrowed(axis: 0, 2..<5) },
    Failure("linear(float32 [1, 3], float32 [2, 2]): mat1 and mat2 shapes cannot be multiplied") {
      _ = try zeros([1, 3]).linear(weight: zeros([2, 2]), bias: nil)
    },
    Failure("linear(float32 [1, 2], float32 [2, 2], float32 [3]): ") {
      _ = try zeros([1, 2]).linear(weight: zeros([2, 2]), bias: zeros([3]))
    },
    Failure("conv2d(float32 [1, 3, 4, 4], float32 [2, 4, 3, 3]): Given groups=1, weight of size") {
      _ = try zeros([1, 3, 4, 4]).conv2d(weight: zeros([2, 4, 3, 3]), bias: nil)
    },
    Failure(
      "groupNorm(float32 [1, 3, 2, 2], float32 [3], float32 [3]): Expected number of channels"
    ) {
      _ = try zeros([1, 3, 2, 2])
        .groupNorm(groupCount: 2, weight: zeros([3]), bias: zeros([3]), eps: 1)
    },
    Failure("layerNorm(float32 [1, 3], float32 [2], float32 [2]): Given normalized_shape=[2]") {
      _ = try zeros([1, 3]).layerNorm(weight: zeros([2]), bias: zeros([2]), eps: 1)
    },
    Failure("embedding(float32 [3, 2], int64 [1]): index out of range in self") {
      _ = try zeros([3, 2]).embedding(Tensor([3] as [Int64], shape: [1]))
    },
    Failure("attention(float32 [1, 1, 1, 4], float32 [1, 1, 1, 3], float32 [1, 1, 1, 4]): ") {
      _ = try zeros([1, 1, 1, 4]).attention(key: zeros([1, 1, 1, 3]), value: zeros([1, 1, 1, 4]))
    },
    Failure("concatenated(float32 [2, 3], float32 [2, 4]): Sizes of tensors must match except in") {
      _ = try Tensor.concatenated([zeros([2, 3]), zeros([2, 4])])
    },
    Failure("selecting(float32 [3], int64 [1]): index out of range in self") {
      _ = try zeros([3]).selecting([3])
    },
    Failure("assign(float32 [2], float32 [1, 2]): assigning shape [1, 2] to shape [2]") {
      try zeros([2]).assign(zeros([1, 2]))
    },
    Failure("accumulate(float32 [2], float32 [3]): ") { try zeros([2]).accumulate(zeros([3])) },
    Failure("item(float32 [2]): a Tensor with 2 elements cannot be converted to Scalar") {
      _ = try zeros([2]).item()
    },
    Failure("copy(float32 [2]): the tensor holds 8 bytes, the destination 4") {
      try withUnsafeTemporaryAllocation(byteCount: 4, alignment: 4) { try zeros([2]).copy(to: $0) }
    },
    Failure("Tensor.init(12 bytes): float32 [2, 2] takes 16 bytes") {
      _ = try Tensor([1, 2, 3] as [Float], shape: [2, 2])
    },
    Failure("Tensor.init(16 bytes): float32 [-2, -2] takes 16 bytes") {
      _ = try Tensor([1, 2, 3, 4] as [Float], shape: [-2, -2])
    },
    Failure("full(): Trying to create tensor with negative dimension -1: [-1]") {
      _ = try zeros([-1])
    },
  ]

  @Test(arguments: failures)
  func aFailureNamesOperationOperandsAndReason(_ failure: Failure) {
    let error = #expect(throws: TensorError.self, performing: failure.run)
    #expect(error?.description.hasPrefix(failure.text) == true, "\(String(describing: error))")
    #expect(error?.description.contains("\n") == false)
  }

  @Test func memoryThatIsNotThereIsAnErrorOfItsOwn() throws {
    // 2^50 bytes: more than the address space of a process.
    let error = #expect(throws: TensorError.self) { try Tensor.zeros(shape: [1 << 48]) }
    guard case .outOfMemory(let operation, let reason) = error else {
      Issue.record("expected outOfMemory, got \(String(describing: error))")
      return
    }
    #expect(operation == "full")
    #expect(reason.contains("1125899906842624 bytes"))
    #expect(error?.description.hasPrefix("full: out of memory: ") == true)
  }

  @Test func theOperandsOfAnOperationWithoutMemoryAreIntact() throws {
    let x = try Tensor([1, 2] as [Float], shape: [2, 1])
    #expect(throws: TensorError.self) {
      // A copy of the view would take 2^50 bytes.
      try x.expanded([2, 1 << 47]).clone()
    }
    #expect(try x.values() == [1, 2] as [Float])
  }

  private static func zeros(_ shape: [Int]) throws -> Tensor { try .zeros(shape: shape) }
}
