import Dispatch
import Foundation
import Scenes

// Shapes: B scenes, H W rows and columns of a picture, D latent elements.

/// Scenes to pre-train on, each a function of the seed and its place in the run alone.
///
/// Pictures and noise are made on all cores, in plain memory: no tensor crosses a thread.
struct SceneBatch {
  private let samples: [SceneSample]

  /// The captions [B].
  var captions: [String] { samples.map(\.caption) }
  /// The pictures [B, 3, H, W] in [-1, 1].
  var pictures: [Float] { samples.flatMap(\.picture) }
  /// Standard normal noise [B, D].
  var noise: [Float] { samples.flatMap(\.noise) }
  /// Uniform in [0, 1), [B]: decides the timestep.
  var times: [Float] { samples.map(\.time) }
  /// Uniform in [0, 1), [B]: decides whether the caption is dropped.
  var dropouts: [Float] { samples.map(\.dropout) }

  /// The scenes at `places` of the run.
  ///
  /// - Parameter noiseCount: D.
  init(places: Range<Int>, seed: UInt64, noiseCount: Int) {
    var samples = [SceneSample?](repeating: nil, count: places.count)
    samples.withUnsafeMutableBufferPointer { buffer in
      // Each iteration writes to a place of its own.
      nonisolated(unsafe) let buffer = buffer
      DispatchQueue.concurrentPerform(iterations: places.count) { index in
        buffer[index] = SceneSample(
          place: places.lowerBound + index, seed: seed, noiseCount: noiseCount)
      }
    }
    self.samples = samples.compactMap(\.self)
  }
}

/// One scene of a batch; see there.
private struct SceneSample {
  let caption: String
  let picture: [Float]
  let noise: [Float]
  let time: Float
  let dropout: Float

  /// Share of captions with one object.
  private static let oneObjectShare: Float = 0.15

  init(place: Int, seed: UInt64, noiseCount: Int) {
    var generator = KeyedGenerator(key: noiseSeed(runSeed: seed, position: place, imageIndex: 0))
    let prompt = ScenePrompts.random(
      from: .training, oneObjectShare: Self.oneObjectShare, using: &generator)
    caption = prompt.text
    picture = [Float](unsafeUninitializedCapacity: SceneRenderer.sampleCount) { buffer, count in
      count = SceneRenderer.sampleCount
      SceneRenderer.render(
        prompt.scene, layout: &generator, into: .init(rebasing: buffer[..<count]))
    }
    time = generator.unit()
    dropout = generator.unit()
    noise = normals(count: noiseCount, using: &generator)
  }
}

/// Standard normal numbers by the Box-Muller transform; `count` is even.
private func normals(count: Int, using generator: inout KeyedGenerator) -> [Float] {
  precondition(count.isMultiple(of: 2), "the numbers come in pairs")
  return (0..<count / 2).flatMap { _ in
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * log(1 - generator.unit())).squareRoot()
    let angle = 2 * Float.pi * generator.unit()
    return [radius * cos(angle), radius * sin(angle)]
  }
}
