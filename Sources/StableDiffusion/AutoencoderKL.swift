import Torch
import TorchNN

// Shapes: B batch, C latent channels, H W rows and columns of the image, h w those of the latents.

/// Compresses images to latents and back.
///
/// - Source: diffusers, models/autoencoders/autoencoder_kl.py.
public struct AutoencoderKL {
  /// The architecture.
  public internal(set) var configuration: AutoencoderConfiguration
  let encoder: Encoder
  let quantConv: Conv2d
  let postQuantConv: Conv2d
  let decoder: Decoder

  /// The network whose parameters are at `path`.
  public init(_ path: ParameterPath, _ configuration: AutoencoderConfiguration) throws {
    self.configuration = configuration
    let channels = configuration.latentChannels
    encoder = try Encoder(path / "encoder", configuration)
    quantConv = try Conv2d(path / "quant_conv", in: 2 * channels, out: 2 * channels, kernel: 1)
    postQuantConv = try Conv2d(path / "post_quant_conv", in: channels, out: channels, kernel: 1)
    decoder = try Decoder(path / "decoder", configuration)
  }

  /// Images [B, 3, H, W] in [-1, 1] to the mean and log-variance of their latents, each
  /// [B, C, h, w], before the scaling factor.
  public func encode(_ images: Tensor) throws -> (mean: Tensor, logVariance: Tensor) {
    let moments = try quantConv(encoder(images)).chunks(2, axis: 1)
    return (moments[0], try moments[1].clamped(to: -30...20))
  }

  /// Latents [B, C, h, w], the scaling factor already divided out, to images [B, 3, H, W] of
  /// about [-1, 1].
  public func decode(_ latents: Tensor) throws -> Tensor {
    try decoder(postQuantConv(latents))
  }
}
