import StableDiffusion
import Torch
import TorchNN

// Shapes: B pictures, C latent channels, H W rows and columns of the pictures, h w of the latents.

/// Teaches the autoencoder to reproduce rendered scenes.
struct AutoencoderStage: PretrainingStage {
  let name = "autoencoder"
  let globalBatchCount: Int
  let model: StableDiffusionModel
  let optimizer: AdamW
  let average: ExponentialMovingAverage

  /// Weight of the latents' KL divergence from a standard normal, a mean over latent elements as the
  /// squared error is over pixels: enough to keep the latents bounded and smooth.
  private static let klWeight = 1e-4

  init(
    _ model: StableDiffusionModel, _ configuration: PretrainingConfiguration
  ) throws {
    self.model = model
    globalBatchCount = configuration.autoencoderBatchCount
    let parameters = model.autoencoderParameters
    try parameters.enableTraining()
    optimizer = try AdamW(parameters.trainable, configuration.coefficients)
    average = try ExponentialMovingAverage(parameters.trainable, decay: 0.999)
  }

  /// The mean squared error of the pictures plus the weighted KL divergence.
  func loss(_ batch: SceneBatch) throws -> Tensor {
    let pictures = try batch.pictureTensor(on: model.device)
    let (mean, logVariance) = try model.autoencoder.encode(pictures)
    let noise = try Tensor(batch.noise, shape: mean.shape).to(model.device)
    let decoded = try model.autoencoder.decode(mean + (logVariance * 0.5).exp() * noise)
    let error = try (decoded - pictures).squared().mean()
    let divergence = try (mean.squared() + logVariance.exp() - logVariance + -1).mean() * 0.5
    return try error + divergence * Self.klWeight
  }
}
