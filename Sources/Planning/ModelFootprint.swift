/// What a model takes, whatever is done with it.
public struct ModelFootprint: Codable, Sendable, Equatable {
  /// Bytes of all networks' weights in memory, those of the reference among them where it is a copy.
  public var weightByteCount: Int
  /// P: trained elements, all in float32.
  public var trainedElementCount: Int
  /// Whether these are adapters beside the weights; else they are among them.
  public var trainsAdapters: Bool
  /// Whether an average of the trained elements is kept.
  public var keepsAverage: Bool

  /// A footprint with every value given.
  public init(
    weightByteCount: Int, trainedElementCount: Int, trainsAdapters: Bool, keepsAverage: Bool
  ) {
    self.weightByteCount = weightByteCount
    self.trainedElementCount = trainedElementCount
    self.trainsAdapters = trainsAdapters
    self.keepsAverage = keepsAverage
  }

  /// Bytes of the trained elements, of one copy.
  public var trainedByteCount: Int { 4 * trainedElementCount }

  /// Bytes of a checkpoint's tensors: what is trained, AdamW's two moments, and the average.
  public var checkpointByteCount: Int { trainedByteCount * (keepsAverage ? 4 : 3) }
}
