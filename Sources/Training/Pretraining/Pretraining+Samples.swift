import Diffusion
import Foundation
import Images
import Rewards
import Scenes
import StableDiffusion
import Torch

extension Pretraining {
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
      ).images(prompts: prompts, seeds: prompts.indices.map { UInt64($0) })
      let scores = try reward.score(images, prompts: prompts)
      alignment[index] = scores.reduce(0, +) / Double(scores.count)
      if guidance == 3 {
        let cells = zip(images, prompts).prefix(32).map {
          ImageGrid.Cell(image: $0, caption: $1)
        }
        try ImageGrid(cells: cells, columnCount: 8, scale: 2).image().writePNG(
          to: URL(filePath: "\(folder)/samples/step-\(step).png"))
      }
    }
    try communicator.allReduce(&alignment, by: .sum)
    try log(
      PretrainingRecord(
        stage: "denoiser", step: step, alignment: ["1": alignment[0], "3": alignment[1]]))
  }
}
