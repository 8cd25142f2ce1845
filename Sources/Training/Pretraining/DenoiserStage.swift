import Diffusion
import StableDiffusion
import Torch
import TorchNN

// Shapes: B pictures, C latent channels, h w rows and columns of the latents.

/// Teaches text encoder and UNet together to denoise the autoencoder's latents.
struct DenoiserStage: PretrainingStage {
  let name = "denoiser"
  let globalBatchCount: Int
  let model: StableDiffusionModel
  let optimizer: AdamW
  let average: ExponentialMovingAverage
  let captionDropout: Float

  private let signal: Tensor
  private let noiseLevel: Tensor

  init(
    _ model: StableDiffusionModel, _ configuration: PretrainingConfiguration
  ) throws {
    precondition(model.scheduler.predictionType == .epsilon, "the loss is of predicted noise")
    self.model = model
    globalBatchCount = configuration.denoiserBatchCount
    captionDropout = Float(configuration.captionDropout)
    let textParameters = model.textEncoders[0].parameters
    for store in [textParameters, model.unetParameters] {
      try store.enableTraining()
    }
    let parameters =
      textParameters.trainable.prefixed("text_encoder.")
      + model.unetParameters.trainable.prefixed("unet.")
    optimizer = try AdamW(parameters, configuration.coefficients)
    average = try ExponentialMovingAverage(parameters, decay: 0.999)
    let alphasCumprod = try NoiseSchedule(model.scheduler).alphasCumprod
    func table(_ value: (Double) -> Double) throws -> Tensor {
      try Tensor(alphasCumprod.map { Float(value($0)) }, shape: [alphasCumprod.count])
    }
    signal = try table { $0.squareRoot() }
    noiseLevel = try table { (1 - $0).squareRoot() }
  }

  /// The mean squared error of the predicted noise, at uniform timesteps.
  ///
  /// - Source: Ho et al., "Denoising Diffusion Probabilistic Models", equation 14.
  func loss(_ batch: SceneBatch) throws -> Tensor {
    let count = batch.captions.count
    let timesteps = batch.times.map { Int($0 * Float(model.scheduler.trainTimestepCount)) }
    let latents = try withoutGradient {
      try model.autoencoder.encode(batch.pictureTensor(on: model.device)).mean
        * model.autoencoder.configuration.scalingFactor
    }
    let noise = try Tensor(batch.noise, shape: latents.shape).to(model.device)
    func factor(_ table: Tensor) throws -> Tensor {
      try table.selecting(timesteps).reshaped([count, 1, 1, 1]).to(model.device)
    }
    let (signal, noiseLevel) = try (factor(signal), factor(noiseLevel))
    let sample = try latents * signal + noise * noiseLevel
    let captions = zip(batch.captions, batch.dropouts).map { $1 < captionDropout ? "" : $0 }
    let prediction = try model.unet(
      sample, timesteps: Tensor(timesteps.map(Float.init), shape: [count]).to(model.device),
      context: model.encode(prompts: captions))
    return try (prediction - noise).squared().mean()
  }
}

extension [Parameter] {
  /// The same parameters under longer names.
  fileprivate func prefixed(_ prefix: String) -> [Parameter] {
    map { Parameter(name: prefix + $0.name, tensor: $0.tensor) }
  }
}
