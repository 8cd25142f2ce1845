import Diffusion
import Images
import StableDiffusion
import Torch

// Shapes: B images, T steps, C latent channels, h w rows and columns of the latents.

/// Draws images for prompts without keeping the way they came about. A text is encoded once, however
/// many batches it comes in.
struct ImageSampler {
  let model: StableDiffusionModel
  let plan: SamplingPlan
  let guidanceScale: Double
  let batchCount: Int
  private let contexts: TextContexts

  /// Texts that are kept: of Stable Diffusion XL 320 MB in float32.
  private static let contextLimit = 512

  /// A sampler of `model`.
  ///
  /// - Parameters:
  ///   - plan: The steps, made from the model's own schedule.
  ///   - guidanceScale: Of classifier-free guidance; 1 is none.
  ///   - batchCount: Images at a time.
  init(
    model: StableDiffusionModel, plan: SamplingPlan, guidanceScale: Double, batchCount: Int
  ) {
    self.model = model
    self.plan = plan
    self.guidanceScale = guidanceScale
    self.batchCount = batchCount
    contexts = TextContexts(of: model, limit: Self.contextLimit)
  }

  /// One image for each prompt, from the noise of the seed at the same place.
  ///
  /// - Parameter emptyContext: What guidance leads away from: of one text for all, or one for each.
  func images(prompts: [String], emptyContext: TextContext, seeds: [UInt64]) throws -> [Image] {
    try withoutGradient {
      try stride(from: 0, to: prompts.count, by: batchCount).flatMap { start in
        let range = start..<min(start + batchCount, prompts.count)
        let conditioning = Conditioning(
          context: try contexts.context(ofBatch: prompts[range]),
          emptyContext: try emptyContext.count == 1
            ? emptyContext : emptyContext.narrowed(range),
          guidanceScale: guidanceScale)
        let noise = try model.noise(seeds: Array(seeds[range]), stepCount: plan.steps.count)
        return try model.images(
          of: plan.run(noise: noise, predictor: model.unet, conditioning))
      }
    }
  }
}

extension StableDiffusionModel {
  /// The noise of whole sampling runs, [B, T + 1, C, h, w]: each image's from its own seed, drawn on
  /// the CPU, so that it is the same on every device and in every batch.
  func noise(seeds: [UInt64], stepCount: Int) throws -> Tensor {
    let parts = try seeds.map {
      try Tensor.randn(seed: $0, shape: [1, stepCount + 1] + latentShape)
    }
    return try Tensor.concatenated(parts).to(device)
  }

  /// The pictures of latents [B, C, h, w].
  func images(of latents: Tensor) throws -> [Image] { try Image.images(ofLevels: decode(latents)) }
}

extension Image {
  /// Pictures of levels [B, H, W, 3] in 0...255, rounded.
  static func images(ofLevels levels: Tensor) throws -> [Image] {
    let (height, width) = (levels.shape[1], levels.shape[2])
    let values = try (levels + 0.5).to(dtype: .uint8).values(as: UInt8.self)
    let count = height * width * 3
    return (0..<levels.shape[0]).map {
      Image(width: width, height: height, pixels: Array(values[$0 * count..<($0 + 1) * count]))
    }
  }
}
