import Torch

// Shapes: B batch, C channels, H W rows and columns of the latents, L D context length and features.

/// A network that predicts the noise (or velocity) in latents.
public protocol NoisePredictor {
  /// The prediction [B, C, H, W] for latents [B, C, H, W] at timesteps [B] with context [B, L, D].
  func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: Tensor) throws -> Tensor
}

/// The text that conditions a batch, and how strongly.
public struct Conditioning {
  /// The prompts' features [B, L, D].
  public let context: Tensor
  /// The empty prompt's features [1, L, D]; `nil` where guidance is 1 and it plays no part.
  public let emptyContext: Tensor?
  /// Weight of the difference that the prompt makes, 1 or more.
  public let guidanceScale: Double

  /// Conditioning on `context`.
  ///
  /// - Parameter emptyContext: Not used where the guidance scale is 1.
  public init(context: Tensor, emptyContext: Tensor, guidanceScale: Double) {
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
    let empty = try emptyContext.expanded(conditioning.context.shape)
    let both = try self(
      .concatenated([sample, sample]), timesteps: .concatenated([timesteps, timesteps]),
      context: .concatenated([empty, conditioning.context])
    ).to(dtype: .float64).chunks(2, axis: 0)
    return try both[0] + (both[1] - both[0]) * conditioning.guidanceScale
  }
}
