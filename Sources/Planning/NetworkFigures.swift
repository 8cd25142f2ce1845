/// What a network does, measured by `prdp bench network` or stated.
public struct NetworkFigures: Codable, Sendable, Equatable {
  /// Bytes per second that a host sends while it receives as many.
  public var bandwidth: Double
  /// Seconds of a message from one rank to another on another host.
  public var latency: Double
  /// Bytes per second that a rank exchanges with others of its host; `nil` where that is not known,
  /// and counts as no time.
  public var localBandwidth: Double?
  /// Elements of a gradient per second that a rank packs, adds up and unpacks; `nil` as above.
  public var elementRate: Double?

  /// A network of which at least bandwidth and latency are known.
  public init(
    bandwidth: Double, latency: Double, localBandwidth: Double? = nil, elementRate: Double? = nil
  ) {
    self.bandwidth = bandwidth
    self.latency = latency
    self.localBandwidth = localBandwidth
    self.elementRate = elementRate
  }
}
