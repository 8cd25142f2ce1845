/// What a machine says of itself, for `prdp doctor` on another one.
public struct HostReport: Codable, Sendable, Equatable {
  /// The machine's own name.
  public var hostName: String
  /// Seconds since 1970 by its clock.
  public var clock: Double
  /// Of the program that reports.
  public var programSHA256: String
  /// Tells one build of libtorch from another; empty where none is loaded.
  public var libtorch: String
  /// Processors.
  public var coreCount: Int
  /// GPUs that libtorch finds.
  public var deviceCount: Int
  /// Bytes that processes may still take.
  public var availableMemory: Int
  /// Bytes that are free where the run is to be written; `nil` where the folder cannot be had.
  public var freeDisk: Int?
  /// Seconds to write, sync and rename a small file there; `nil` where it failed.
  public var writeSeconds: Double?
  /// Why it failed.
  public var writeFailure: String?
}

/// A small file that a machine leaves for others in the run folder, and takes away again.
public struct SharedMark: Sendable {
  /// Tells the marks of one examination from those of another.
  public let nonce: String
  private let folder: String

  /// Marks in `folder`, which is made where it is missing.
  public init(folder: String, nonce: String) {
    self.folder = folder
    self.nonce = nonce
  }

  /// The path of the mark that `host` leaves.
  public func path(of host: String) -> String { "\(folder)/.doctor-\(nonce)-\(host)" }

  /// What is written there.
  public func text(of host: String) -> String { "\(nonce) \(host)\n" }
}
