import Torch

// Shapes: B batch, L D context length and features, P pooled features.

/// What a network is told of the texts that condition a batch.
public struct TextContext {
  /// Each token's features [B, L, D], which the network attends to.
  public let features: Tensor
  /// What a network of Stable Diffusion XL is told beside them; `nil` for others.
  public let addition: Addition?

  /// Conditions of the whole image, which join the time embedding.
  ///
  /// - Source: Podell et al., "SDXL: Improving Latent Diffusion Models for High-Resolution Image
  ///   Synthesis", section 2.2.
  public struct Addition {
    /// One feature vector of each whole text [B, P].
    public let pooled: Tensor
    /// Rows and columns of the original, rows and columns cropped at the top left, and of the
    /// target, in pixels: [B, 6], float32.
    public let sizes: Tensor

    /// Conditions with every value given.
    public init(pooled: Tensor, sizes: Tensor) {
      self.pooled = pooled
      self.sizes = sizes
    }
  }

  /// A context with every value given.
  public init(features: Tensor, addition: Addition? = nil) {
    self.features = features
    self.addition = addition
  }

  /// The number of texts, B.
  public var count: Int { features.shape[0] }

  /// The first element's context for each of `count` elements.
  public func repeated(_ count: Int) throws -> TextContext {
    try map { try $0.expanded([count] + $0.shape[1...]) }
  }

  /// The contexts of some of the texts.
  public func narrowed(_ range: Range<Int>) throws -> TextContext {
    try map { try $0.narrowed(axis: 0, range) }
  }

  /// The contexts of several batches as one batch.
  public static func concatenated(_ contexts: [TextContext]) throws -> TextContext {
    guard contexts.count > 1 else { return contexts[0] }
    let additions = contexts.compactMap(\.addition)
    precondition(additions.isEmpty || additions.count == contexts.count, "contexts of two models")
    return TextContext(
      features: try .concatenated(contexts.map(\.features)),
      addition: additions.isEmpty
        ? nil
        : Addition(
          pooled: try .concatenated(additions.map(\.pooled)),
          sizes: try .concatenated(additions.map(\.sizes))))
  }

  /// Where the tensors live.
  public var device: Device { features.device }

  private func map(_ change: (Tensor) throws -> Tensor) rethrows -> TextContext {
    TextContext(
      features: try change(features),
      addition: try addition.map {
        Addition(pooled: try change($0.pooled), sizes: try change($0.sizes))
      })
  }
}
