import CLIP
import Diffusion
import StableDiffusion
import Torch

/// A model with new random weights that takes a few kilobytes.
func smallModel(textWidth: Int = 8, seed: UInt64 = 1) throws -> StableDiffusionModel {
  let vocabulary = try CLIPVocabulary.build(
    words: ["a", "small", "red", "circle", "star"], modelMaxLength: 8)
  let tokenizer = try CLIPTokenizer(vocabulary: vocabulary)
  return try StableDiffusionModel(
    tokenizer: tokenizer,
    texts: [
      CLIPTextConfiguration(
        vocabularyCount: tokenizer.vocabularyCount, hiddenWidth: textWidth, intermediateWidth: 16,
        layerCount: 2, headCount: 2, positionCount: 8)
    ],
    unet: UNetConfiguration(
      sampleSize: 8, channels: 4, blockOutChannels: [8, 12], hasAttention: [false, true],
      layersPerBlock: 1, crossAttentionWidth: textWidth, headCounts: [2, 3], normGroupCount: 4),
    autoencoder: AutoencoderConfiguration(
      sampleSize: 16, blockOutChannels: [4, 8], layersPerBlock: 1, latentChannels: 4,
      normGroupCount: 4, scalingFactor: 0.5, hasMidAttention: true),
    scheduler: SchedulerConfiguration(), seed: seed, device: .cpu)
}

extension StableDiffusionModel {
  /// What the networks make of fixed inputs, under the names that scripts/golden/check_folder.py has.
  func outputs(prompt: String) throws -> [(name: String, tensor: Tensor)] {
    try withoutGradient {
      let tokens = try textEncoders[0].tokenizer.encode(prompt)
      let context = try encode(prompts: [prompt])
      let sample = try Tensor.randn(seed: 1, shape: [1] + latentShape)
      let timesteps = try Tensor([500] as [Float], shape: [1])
      let side = autoencoder.configuration.sampleSize
      let image = try Tensor.randn(seed: 2, shape: [1, 3, side, side])
      let moments = try autoencoder.encode(image)
      let addition = context.addition.map { [("pooled", $0.pooled), ("sizes", $0.sizes)] } ?? []
      return addition + [
        ("tokens", try Tensor(tokens.map(Int64.init), shape: [1, tokens.count])),
        ("context", context.features), ("sample", sample), ("timesteps", timesteps),
        ("prediction", try unet(sample, timesteps: timesteps, context: context)),
        ("image", image), ("mean", moments.mean), ("logVariance", moments.logVariance),
        ("decoded", try autoencoder.decode(sample)),
      ]
    }
  }
}
