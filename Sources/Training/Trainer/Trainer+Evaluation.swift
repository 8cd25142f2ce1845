import Foundation
import Images
import MPI
import Rewards

extension Trainer {
  /// Draws images for every set's prompts from the present policy, or its average where one is kept,
  /// with the same noise at every evaluation, and scores them. All ranks share the images and get the
  /// results.
  func evaluate(_ phase: EvaluationPhase) throws -> [EvaluationResult] {
    let results = try withAverage { try evaluatePolicy(phase) }
    state.heldOutPeaks.note(results, heldOut: heldOut.map(\.reward.name), step: state.step)
      .forEach(warn)
    return results
  }

  /// Runs `body` with the average of the weights in their place, where one is kept.
  private func withAverage<Value>(_ body: () throws -> Value) throws -> Value {
    try average?.inPlace(body) ?? body()
  }

  private func evaluatePolicy(_ phase: EvaluationPhase) throws -> [EvaluationResult] {
    try evaluationSets.map { set in
      let start = ContinuousClock.now
      let count = configuration.evaluation.imagesPerSet
      let drawn = try draw(
        set, count: count, label: "\(phase.rawValue) \(set.name)", isChecked: true)
      // Too many missing scores of the trained reward have been refused.
      let trained = RewardMean(of: drawn.scores.sums.compactMap(\.self))
      let result = EvaluationResult(
        set: set.name, reward: trained.mean, standardError: trained.standardError, count: count,
        rewards: meansByName(drawn.scores))
      record(result, drawn, phase, seconds: (ContinuousClock.now - start) / .seconds(1))
      try saveGrid(drawn, set, phase)
      return result
    }
  }

  /// What each reward says, without those that lack too many scores, which has been said.
  private func meansByName(_ table: ScoreTable) -> [String: RewardMean] {
    var means: [String: RewardMean] = [:]
    for (name, scores) in zip(table.names, table.components) {
      let found = scores.compactMap(\.self)
      guard !found.isEmpty,
        Double(scores.count - found.count) <= missingLimit(of: scores.count)
      else { continue }
      means[name] = RewardMean(of: found)
    }
    return means
  }

  /// Draws the first images of every set as an evaluation would, for the grids alone.
  func drawGrids() throws {
    try withAverage {
      for set in evaluationSets {
        let drawn = try draw(
          set,
          count: min(configuration.logging.sampleImages, configuration.evaluation.imagesPerSet),
          label: "grid \(set.name)", isChecked: false)
        try saveGrid(drawn, set, .during)
      }
    }
  }

  /// Some images of a set, scored; the same on all ranks.
  private struct DrawnSet {
    let scores: ScoreTable
    /// The first images.
    let shown: [Image]
  }

  /// Draws and scores `count` images, one for each prompt in order.
  ///
  /// - Parameter isChecked: Whether too many missing scores are refused.
  /// - Throws: ``TooManyMissingScores``, ``Preempted``.
  private func draw(
    _ set: (name: String, file: PromptFile), count: Int, label: String, isChecked: Bool
  ) throws -> DrawnSet {
    let entries = set.file.entries
    let batchCount = configuration.sampler.batchSize
    let shownCount = min(configuration.logging.sampleImages, count)
    let sampler = ImageSampler(
      model: policy.model, plan: plan, guidanceScale: configuration.sampler.guidance,
      batchCount: batchCount)
    let starts = ScoreTable.starts(imageCount: count, batchCount: batchCount, communicator)
    begin(label, of: starts.count)

    // Grids show the trained reward alone.
    let scorer = isChecked ? try WeightedReward(reward.terms + heldOut) : reward
    var table = ScoreTable(of: scorer, imageCount: count)
    var missingCount = 0
    var pixels: [UInt8] = []
    let side = policy.model.imageSide
    let imageByteCount = side * side * 3
    try communicator.agreed {
      pixels = Array(repeating: 0, count: shownCount * imageByteCount)
      let found = try drawAndScore(
        by: scorer, partCount: starts.count,
        missingLimit: isChecked ? missingLimit(of: count) : nil,
        isTimed: false
      ) { part in
        let start = starts[part]
        let places = Array(start..<min(start + batchCount, count))
        let batch = places.map { entries[$0 % entries.count] }
        let texts = batch.map(\.text)
        let images = try sampler.images(
          prompts: texts,
          emptyContext: configuration.sampler.guidance == 1
            ? policy.emptyContext : policy.context(ofNegatives: batch.map(\.negative)),
          seeds: places.map {
            evaluationSeed(UInt64(configuration.evaluation.seed), set: set.name, place: $0)
          })
        for (place, image) in zip(places, images) where place < shownCount {
          pixels.replaceSubrange(
            place * imageByteCount..<(place + 1) * imageByteCount, with: image.pixels)
        }
        return DrawnImages(
          images: images, prompts: texts,
          places: places.map { ImagePlace(set: set.name, position: $0, index: 0) })
      }
      for (start, scores) in zip(starts, found) {
        guard let scores else { continue }
        missingCount += scores.sums.count { $0 == nil }
        table.fill(from: start, with: scores)
      }
    }
    // What was drawn so far is drawn again when the run goes on.
    if isChecked {
      try checkMissingScores(
        missingScores, count: missingCount, of: count, in: "the evaluation \(label)",
        limitingWatched: true)
    }
    try checkIn()
    try table.join(communicator)
    // Here too every element has one owner.
    try communicator.allReduce(&pixels, by: .sum)
    let images = (0..<shownCount).map {
      Image(
        width: side, height: side,
        pixels: Array(pixels[$0 * imageByteCount..<($0 + 1) * imageByteCount]))
    }
    return DrawnSet(scores: table, shown: images)
  }

  /// Writes a grid of images with their rewards and prompts, on rank 0.
  private func saveGrid(
    _ drawn: DrawnSet, _ set: (name: String, file: PromptFile), _ phase: EvaluationPhase
  ) throws {
    guard let folder, !drawn.shown.isEmpty else { return }
    let entries = set.file.entries
    let rewards = drawn.scores.sums
    let epoch = phase == .during ? String(format: "-%06d", state.epoch) : ""
    let name = "\(phase.rawValue)\(epoch)-\(set.name)"
    let cells = drawn.shown.enumerated().map { index, image in
      ImageGrid.Cell(
        image: image.thumbnail(),
        caption: (rewards[index].map { String(format: "%.2f ", $0) } ?? "no score ")
          + entries[index % entries.count].text)
    }
    let scale = policy.model.imageSide < 128 ? 2 : 1
    let grid = ImageGrid(cells: cells, columnCount: min(8, cells.count), scale: scale).image()
    events?.write(grid, ofSamplesFrom: set.name, step: state.step)
    do {
      try grid.writePNG(to: URL(filePath: "\(folder.samples)/\(name).png"))
    } catch {
      warn("\(error): training goes on without the grid")
    }
  }

  private func record(
    _ result: EvaluationResult, _ drawn: DrawnSet, _ phase: EvaluationPhase, seconds: Double
  ) {
    log(
      .evaluation(
        MetricsRecord.Evaluation(
          epoch: state.epoch, step: state.step, set: result.set, reward: result.reward,
          components: (result.rewards ?? [:]).mapValues { JSONNumber(wrappedValue: $0.mean) },
          count: result.count,
          missingScores: drawn.scores.sums.count { $0 == nil },
          standardError: result.standardError, phase: phase)))
    display?.endEvaluation(
      phase, set: result.set, reward: result.reward, standardError: result.standardError,
      imageCount: result.count, seconds: seconds,
      heldOut: heldOut.compactMap { term in
        result.rewards?[term.reward.name].map { (term.reward.name, $0) }
      })
  }
}
