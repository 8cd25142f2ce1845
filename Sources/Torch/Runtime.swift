import CTorch

/// Settings and counters of the whole process.
public enum Runtime {
  /// The version of the libtorch headers this was built with, such as "2.13.0".
  public static var libtorchVersion: String { String(cString: ct_libtorch_version()) }

  /// The number of threads that one operation may use on the CPU.
  public static var threadCount: Int { Int(ct_thread_count()) }

  /// Sets the number of threads that one operation may use on the CPU.
  public static func setThreadCount(_ count: Int) throws {
    try check(ct_set_thread_count(Int32(count)), "setThreadCount")
  }

  /// Makes operations repeat bit for bit where libtorch has a deterministic variant.
  public static func setDeterministic(_ deterministic: Bool) throws {
    try check(ct_set_deterministic(deterministic), "setDeterministic")
  }

  /// Whether convolutions or products of float32 may round their operands to TF32's 10 bits on a GPU,
  /// as libtorch lets convolutions do unless told otherwise.
  public static func allowsTF32() throws -> Bool {
    var allows = false
    try check(ct_allows_tf32(&allows), "allowsTF32")
    return allows
  }

  /// Sets ``allowsTF32()``.
  public static func setAllowsTF32(_ allows: Bool) throws {
    try check(ct_set_allows_tf32(allows), "setAllowsTF32")
  }

  /// How many tensor handles are alive: a test's way to find a leak.
  public static var liveHandleCount: Int { Int(ct_live_handle_count()) }

  /// Counts the bytes of tensors on the CPU from now on, and keeps the memory that tensors from 1 MiB
  /// on leave for the next, to a total of 64 MiB beyond the most that was in use at once: the system
  /// would take it back and fill it with zeros again and again. What smaller ones leave stays in the C
  /// library's heap, up to 128 MiB at its end. Call it before the first tensor is made.
  public static func manageCPUMemory() { ct_manage_cpu_memory() }
}

extension Device {
  /// Bytes that tensors hold on the device now, and the most since ``resetPeakMemory()``.
  ///
  /// - Throws: ``TensorError`` on the CPU unless ``Runtime/manageCPUMemory()`` was called.
  public func memoryBytes() throws -> (live: Int, peak: Int) {
    var live: Int64 = 0
    var peak: Int64 = 0
    try check(ct_memory_bytes(c, &live, &peak), "memoryBytes")
    return (Int(live), Int(peak))
  }

  /// Starts the peak of ``memoryBytes()`` anew from what is held now.
  ///
  /// - Throws: ``TensorError`` on the CPU unless ``Runtime/manageCPUMemory()`` was called.
  public func resetPeakMemory() throws {
    try check(ct_reset_peak_memory(c), "resetPeakMemory")
  }
}
