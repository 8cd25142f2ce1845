import Foundation
import TestSupport
import Testing
import Torch

/// What belongs to the whole process is tested in one of its own, where no other test makes tensors.
@Suite struct ProcessTests {
  @Test func noHandleOutlivesItsTensor() async {
    await #expect(processExitsWith: .success) {
      let start = Runtime.liveHandleCount
      let x = try Tensor.randn(seed: 1, shape: [4, 4])
      try x.setRequiresGradient(true)
      #expect(Runtime.liveHandleCount == start + 1)

      func forwardAndBackward() throws {
        let h = try x.matmul(x).activated(.quickGELU).chunks(2, axis: 0)
        let loss = try (Tensor.concatenated(h) * h[0].expanded([2, 4]).sum()).mean()
        try loss.backward()
        #expect(Runtime.liveHandleCount > start + 1)
        #expect(try x.gradient()?.values(as: Double.self).count == 16)
        _ = try x.values(as: Float.self)
        _ = try loss.item()
        #expect(try x.isFinite())
      }
      for _ in 0..<3 {
        try forwardAndBackward()
        #expect(Runtime.liveHandleCount == start + 1)
      }

      func failHalfway() throws {
        let h = try (x * 2).reshaped([16])
        _ = try withoutGradient { try Tensor.concatenated([h, x]) }
      }
      #expect(throws: TensorError.self, performing: failHalfway)
      #expect(throws: TensorError.self) { try Tensor.zeros(shape: [1 << 48]) }
      #expect(Runtime.liveHandleCount == start + 1)
    }
  }

  @Test func thePeakOfMemoryGrowsWithTensorsAndIsKeptAfterThem() async {
    await #expect(processExitsWith: .success) {
      #expect(throws: TensorError.self) { try Device.cpu.memoryBytes() }
      Runtime.manageCPUMemory()
      Runtime.manageCPUMemory()
      let megabyte = 1 << 20
      let kept = try Tensor.zeros(shape: [megabyte], dtype: .uint8)
      try Device.cpu.resetPeakMemory()
      let start = try Device.cpu.memoryBytes()
      // Of small tensors elsewhere, malloc rounds a block up by a page at most.
      #expect(start.live >= megabyte && start.live < megabyte + 65_536)
      #expect(start.peak == start.live)

      func useFourMegabytes() throws {
        let large = try Tensor.zeros(shape: [4, megabyte], dtype: .uint8)
        // A view takes nothing.
        _ = try large.reshaped([-1]).narrowed(axis: 0, 0..<9)
        #expect(try Device.cpu.memoryBytes().live >= start.live + 4 * megabyte)
      }
      try useFourMegabytes()
      let after = try Device.cpu.memoryBytes()
      #expect(after.live == start.live)
      #expect(after.peak >= start.peak + 4 * megabyte)
      #expect(after.peak < start.peak + 4 * megabyte + 65_536)

      try Device.cpu.resetPeakMemory()
      #expect(try Device.cpu.memoryBytes().peak == start.live)
      #expect(kept.count == megabyte)
    }
  }

  @Test func whatALargeTensorLeavesGoesToTheNext() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let count = 48 << 20
      func makeTensors() throws {
        let large = try Tensor.zeros(shape: [count], dtype: .uint8)
        // A little less has room in what such a one left as well.
        let others = try (0..<3).map { try Tensor.zeros(shape: [count - $0 << 20], dtype: .uint8) }
        #expect(large.count == others[0].count)
      }
      try makeTensors()
      let before = pageFaultCount()
      for _ in 0..<10 { try makeTensors() }
      // Each would come in 24 pages of 2 MiB, or in 12,288.
      #expect(pageFaultCount() - before < 100)
    }
  }

  @Test func aLargeTensorsMemoryDoesNotGoToAMuchSmallerOne() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let megabyte = 1 << 20
      _ = try Tensor.zeros(shape: [200, megabyte], dtype: .uint8)
      let before = try residentByteCount()
      let smaller = try (0..<4).map { _ in try Tensor.zeros(shape: [50, megabyte], dtype: .uint8) }
      // Of the 200, which wait, those go back for which there is no room now.
      #expect(try residentByteCount() - before < 80 * megabyte)
      #expect(try Device.cpu.memoryBytes().live >= smaller.count * 50 * megabyte)
    }
  }

  @Test func whatWaitsGoesBackWhereTheSystemHasNoMore() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let megabyte = 1 << 20
      _ = try Tensor.zeros(shape: [300, megabyte], dtype: .uint8)
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        .split(separator: " ")
      limit.rlim_cur = rlim_t((try #require(Int(pages[0]))) * Int(getpagesize()) + 20 * megabyte)
      #expect(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
      // So little that else it would be had beside what waits.
      let next = try Tensor.zeros(shape: [60, megabyte], dtype: .uint8)
      #expect(next.count == 60 * megabyte)
      #expect(throws: TensorError.self) { try Tensor.zeros(shape: [300, megabyte], dtype: .uint8) }
    }
  }

  /// Of sizes that rise none finds room in what the last left.
  @Test func noMoreMemoryIsHeldThanWasInUse() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let megabyte = 1 << 20
      let before = try residentByteCount()
      for size in stride(from: 100, through: 400, by: 50) {
        _ = try Tensor.zeros(shape: [size, megabyte], dtype: .uint8)
      }
      let held = try residentByteCount() - before
      #expect(held > 350 * megabyte)
      #expect(held < 500 * megabyte)
      #expect(try Device.cpu.memoryBytes().live < megabyte)
    }
  }

  @Test func aTensorThatTheSystemHasNoMemoryForIsToldApart() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let error = #expect(throws: TensorError.self) { try Tensor.zeros(shape: [1 << 46]) }
      guard case .outOfMemory = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test func theGraphOfABackwardPassIsFreed() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let x = try Tensor.randn(seed: 1, shape: [256, 256])
      try x.setRequiresGradient(true)
      func step() throws {
        var h = x
        for _ in 0..<8 { h = try h.activated(.silu) }
        try h.sum().backward()
        x.clearGradient()
      }
      try step()
      let live = try Device.cpu.memoryBytes().live
      for _ in 0..<3 { try step() }
      #expect(try Device.cpu.memoryBytes().live == live)
    }
  }

  @Test func theThreadCountIsWhatWasSet() async {
    await #expect(processExitsWith: .success) {
      for count in [2, 1] {
        try Runtime.setThreadCount(count)
        #expect(Runtime.threadCount == count)
      }
      #expect(throws: TensorError.self) { try Runtime.setThreadCount(0) }
    }
  }

  @Test func roundingToTF32IsAllowedOrNot() async {
    await #expect(processExitsWith: .success) {
      #expect(try Runtime.allowsTF32())
      for allows in [false, true, false] {
        try Runtime.setAllowsTF32(allows)
        #expect(try Runtime.allowsTF32() == allows)
      }
    }
  }

  @Test func deterministicOperationsRepeatBitForBit() async {
    await #expect(processExitsWith: .success) {
      try Runtime.setDeterministic(true)
      let table = try Tensor.randn(seed: 1, shape: [5, 64])
      try table.setRequiresGradient(true)
      let indices = try Tensor((0..<2000).map { Int64($0 % 5) }, shape: [2000])
      let seed = try Tensor.randn(seed: 2, shape: [2000, 64])
      var gradients: [[Float]] = []
      for _ in 0..<2 {
        try table.embedding(indices).backward(seed: seed)
        gradients.append(try #require(try table.gradient()).values())
        table.clearGradient()
      }
      #expect(gradients[0] == gradients[1])
      try Runtime.setDeterministic(false)
    }
  }
}

/// The pages that the process has got so far.
private func pageFaultCount() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_minflt
}
