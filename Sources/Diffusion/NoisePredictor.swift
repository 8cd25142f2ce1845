import Torch

// Shapes: B batch, C channels, H W rows and columns of the latents.

/// A network that predicts the noise (or velocity) in latents.
public protocol NoisePredictor {
  /// The prediction [B, C, H, W] for latents [B, C, H, W] at timesteps [B] with the context of B
  /// texts.
  func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws -> Tensor
}

/// The text that conditions a batch, and how strongly.
public struct Conditioning {
  /// The prompts, B of them.
  public let context: TextContext
  /// What guidance leads away from, one text for all of the batch or one for each of it: mostly the
  /// empty prompt. `nil` where guidance is 1 and it plays no part.
  public let emptyContext: TextContext?
  /// Weight of the difference that the prompt makes, 1 or more.
  public let guidanceScale: Double

  /// Conditioning on `context`.
  ///
  /// - Parameter emptyContext: Of one text or as many as `context`; not used where the guidance
  ///   scale is 1.
  public init(context: TextContext, emptyContext: TextContext, guidanceScale: Double) {
    self.context = context
    self.emptyContext = guidanceScale == 1 ? nil : emptyContext
    self.guidanceScale = guidanceScale
  }
}

extension NoisePredictor {
  /// The prediction under classifier-free guidance, in float64: empty + scale (prompt - empty).
  ///
  /// - Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", equation 6.
  public func guided(_ sample: Tensor, timesteps: Tensor, _ conditioning: Conditioning) throws
    -> Tensor
  {
    guard let emptyContext = conditioning.emptyContext else {
      return try self(sample, timesteps: timesteps, context: conditioning.context)
        .to(dtype: .float64)
    }
    let count = conditioning.context.count
    let empty = try emptyContext.count == count ? emptyContext : emptyContext.repeated(count)
    let both = try self(
      .concatenated([sample, sample]), timesteps: .concatenated([timesteps, timesteps]),
      context: .concatenated([empty, conditioning.context])
    ).to(dtype: .float64).chunks(2, axis: 0)
    return try both[0] + (both[1] - both[0]) * conditioning.guidanceScale
  }
}
