import Foundation
import Images
import MPI

/// The mean reward on a set of prompts.
struct EvaluationResult: Codable, Equatable {
  let set: String
  let reward: Double
  let standardError: Double
  let count: Int
}

extension Trainer {
  /// Draws images for every set's prompts from the present policy, or its average where one is kept,
  /// with the same noise at every evaluation, and scores them. All ranks share the images and get the
  /// results.
  func evaluate(_ phase: EvaluationPhase) throws -> [EvaluationResult] {
    try withAverage { try evaluatePolicy(phase) }
  }

  /// Runs `body` with the average of the weights in their place, where one is kept.
  private func withAverage<Value>(_ body: () throws -> Value) throws -> Value {
    try average?.inPlace(body) ?? body()
  }

  private func evaluatePolicy(_ phase: EvaluationPhase) throws -> [EvaluationResult] {
    try evaluationSets.map { set in
      let start = ContinuousClock.now
      let count = configuration.evaluation.imagesPerSet
      let (rewards, images) = try scores(
        of: set, count: count, label: "\(phase.rawValue) \(set.name)")
      let mean = rewards.reduce(0, +) / Double(count)
      let variance =
        rewards.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, count - 1))
      let result = EvaluationResult(
        set: set.name, reward: mean, standardError: (variance / Double(count)).squareRoot(),
        count: count)
      record(result, phase, seconds: (ContinuousClock.now - start) / .seconds(1))
      try saveGrid(images, rewards, set, phase)
      return result
    }
  }

  /// Draws the first images of every set as an evaluation would, for the grids alone.
  func drawGrids() throws {
    try withAverage {
      for set in evaluationSets {
        let (rewards, images) = try scores(
          of: set,
          count: min(configuration.logging.sampleImages, configuration.evaluation.imagesPerSet),
          label: "grid \(set.name)")
        try saveGrid(images, rewards, set, .during)
      }
    }
  }

  /// The rewards of `count` images, one for each prompt in order, and on rank 0 the first images.
  ///
  /// Images are drawn in batches of the same shape whatever the number of ranks, each batch whole on
  /// one rank.
  private func scores(of set: (name: String, file: PromptFile), count: Int, label: String) throws
    -> (rewards: [Double], images: [Image])
  {
    let prompts = set.file.prompts
    let batchCount = configuration.sampler.batchSize
    let shownCount = min(configuration.logging.sampleImages, count)
    let sampler = ImageSampler(
      model: policy.model, plan: plan, guidanceScale: configuration.sampler.guidance,
      batchCount: batchCount)
    let starts = stride(from: 0, to: count, by: batchCount).enumerated()
      .filter { $0.offset % communicator.size == communicator.rank }.map(\.element)
    begin(label, of: starts.count)

    var rewards = [Double](repeating: 0, count: count)
    var pixels: [UInt8] = []
    let side = policy.model.imageSide
    let imageByteCount = side * side * 3
    try communicator.agreed {
      pixels = Array(repeating: 0, count: shownCount * imageByteCount)
      for start in starts {
        if wantsToStop { break }
        let places = Array(start..<min(start + batchCount, count))
        let texts = places.map { prompts[$0 % prompts.count] }
        let images = try sampler.images(
          prompts: texts,
          seeds: places.map {
            evaluationSeed(UInt64(configuration.evaluation.seed), set: set.name, place: $0)
          })
        for (place, score) in zip(places, try reward.score(images, prompts: texts)) {
          rewards[place] = score
        }
        for (place, image) in zip(places, images) where place < shownCount {
          pixels.replaceSubrange(
            place * imageByteCount..<(place + 1) * imageByteCount, with: image.pixels)
        }
        advance()
      }
    }
    // What was drawn so far is drawn again when the run goes on.
    try checkIn()
    // Every element has one owner and is 0 elsewhere, so the sums are exact.
    try communicator.allReduce(&rewards, by: .sum)
    try communicator.allReduce(&pixels, by: .sum)
    let images = (0..<shownCount).map {
      Image(
        width: side, height: side,
        pixels: Array(pixels[$0 * imageByteCount..<($0 + 1) * imageByteCount]))
    }
    return (rewards, images)
  }

  /// Writes a grid of images with their rewards and prompts, on rank 0.
  private func saveGrid(
    _ images: [Image], _ rewards: [Double], _ set: (name: String, file: PromptFile),
    _ phase: EvaluationPhase
  ) throws {
    guard let folder, !images.isEmpty else { return }
    let prompts = set.file.prompts
    let epoch = phase == .during ? String(format: "-%06d", state.epoch) : ""
    let name = "\(phase.rawValue)\(epoch)-\(set.name)"
    let cells = images.enumerated().map { index, image in
      ImageGrid.Cell(
        image: image.thumbnail(),
        caption: String(format: "%.2f ", rewards[index]) + prompts[index % prompts.count])
    }
    let scale = policy.model.imageSide < 128 ? 2 : 1
    let grid = ImageGrid(cells: cells, columnCount: min(8, cells.count), scale: scale)
    do {
      try grid.image().writePNG(to: URL(filePath: "\(folder.samples)/\(name).png"))
    } catch {
      warn("\(error): training goes on without the grid")
    }
  }

  private func record(_ result: EvaluationResult, _ phase: EvaluationPhase, seconds: Double) {
    metrics?.write(
      .evaluation(
        MetricsRecord.Evaluation(
          epoch: state.epoch, step: state.step, set: result.set, reward: result.reward,
          count: result.count, standardError: result.standardError, phase: phase)))
    display?.endEvaluation(
      phase, set: result.set, reward: result.reward, standardError: result.standardError,
      imageCount: result.count, seconds: seconds)
  }
}
