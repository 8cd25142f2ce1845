import Diffusion
import Foundation
import Images
import Rewards
import Scenes
import StableDiffusion
import Torch

extension Pretraining {
  /// Logs the alignment of scenes that went through the autoencoder and back: what samples can
  /// reach at best.
  func measureReconstruction(of model: StableDiffusionModel, step: Int) throws {
    let batch = SceneBatch(places: 0..<64, seed: ~configuration.seed, noiseCount: 0)
    let scale = model.autoencoder.configuration.scalingFactor
    let images = try withoutGradient {
      try model.images(of: model.autoencoder.encode(batch.pictureTensor(on: device)).mean * scale)
    }
    let scores = try SceneAlignmentReward().alignments(of: images, prompts: batch.captions)
    try log(
      PretrainingRecord(
        stage: "autoencoder", step: step,
        alignment: ["reconstruction": scores.reduce(0, +) / Double(scores.count)]))
    try saveGrid(images, batch.captions, name: "reconstruction-\(step)")
  }

  /// Samples prompts that are never trained on, logs their alignment at guidance 1 and 3, and
  /// saves a grid. The ranks share the two.
  func measureAlignment(of model: StableDiffusionModel, step: Int) throws {
    let prompts = Array(PromptFiles().unseen.prefix(128))
    let reward = SceneAlignmentReward()
    var alignment = [0.0, 0.0]
    for (index, guidance) in [1.0, 3.0].enumerated()
    where index % communicator.size == communicator.rank {
      let images = try ImageSampler(
        model: model, plan: SamplingPlan(model.scheduler, stepCount: 10, eta: 1),
        guidanceScale: guidance, batchCount: 64
      ).images(
        prompts: prompts, emptyContext: withoutGradient { try model.encodeEmptyPrompt() },
        seeds: prompts.indices.map { UInt64($0) })
      let scores = try reward.alignments(of: images, prompts: prompts)
      alignment[index] = scores.reduce(0, +) / Double(scores.count)
      if guidance == 3 {
        try saveGrid(images, prompts, name: "step-\(step)")
      }
    }
    try communicator.allReduce(&alignment, by: .sum)
    try log(
      PretrainingRecord(
        stage: "denoiser", step: step, alignment: ["1": alignment[0], "3": alignment[1]]))
  }

  private func saveGrid(_ images: [Image], _ captions: [String], name: String) throws {
    let cells = zip(images, captions).prefix(32).map { ImageGrid.Cell(image: $0, caption: $1) }
    try ImageGrid(cells: cells, columnCount: 8, scale: 2).image().writePNG(
      to: URL(filePath: "\(folder)/samples/\(name).png"))
  }
}
