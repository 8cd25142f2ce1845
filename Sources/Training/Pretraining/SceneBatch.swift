import Dispatch
import Foundation
import Scenes

// Shapes: B scenes, H W rows and columns of a picture, D latent elements.

/// Scenes to pre-train on, each a function of the seed and its place in the run alone.
///
/// Pictures and noise are made on all cores, in plain memory: no tensor crosses a thread.
struct SceneBatch {
  /// The captions [B].
  let captions: [String]
  /// The pictures [B, 3, H, W] in [-1, 1].
  let pictures: [Float]
  /// Standard normal noise [B, D].
  let noise: [Float]
  /// Uniform in [0, 1), [B]: decides the timestep.
  let times: [Float]
  /// Uniform in [0, 1), [B]: decides whether the caption is dropped.
  let dropouts: [Float]

  /// Share of captions with one object.
  private static let oneObjectShare: Float = 0.15

  /// The scenes at `places` of the run.
  ///
  /// - Parameter noiseCount: D.
  init(places: Range<Int>, seed: UInt64, noiseCount: Int) {
    let count = places.count
    let pictureCount = SceneRenderer.sampleCount
    var captions = [String](repeating: "", count: count)
    var pictures = [Float](repeating: 0, count: count * pictureCount)
    var noise = [Float](repeating: 0, count: count * noiseCount)
    var times = [Float](repeating: 0, count: count)
    var dropouts = [Float](repeating: 0, count: count)
    captions.withUnsafeMutableBufferPointer { captions in
      pictures.withUnsafeMutableBufferPointer { pictures in
        noise.withUnsafeMutableBufferPointer { noise in
          times.withUnsafeMutableBufferPointer { times in
            dropouts.withUnsafeMutableBufferPointer { dropouts in
              // Each iteration writes to places of its own.
              nonisolated(unsafe) let captions = captions
              nonisolated(unsafe) let pictures = pictures
              nonisolated(unsafe) let noise = noise
              nonisolated(unsafe) let times = times
              nonisolated(unsafe) let dropouts = dropouts
              DispatchQueue.concurrentPerform(iterations: count) { index in
                var generator = KeyedGenerator(
                  key: noiseSeed(
                    runSeed: seed, position: places.lowerBound + index, imageIndex: 0))
                let prompt = ScenePrompts.random(
                  from: .training, oneObjectShare: Self.oneObjectShare, using: &generator)
                captions[index] = prompt.text
                SceneRenderer.render(
                  prompt.scene, layout: &generator,
                  into: .init(rebasing: pictures[index * pictureCount..<(index + 1) * pictureCount])
                )
                times[index] = generator.unit()
                dropouts[index] = generator.unit()
                fillNormal(
                  .init(rebasing: noise[index * noiseCount..<(index + 1) * noiseCount]),
                  using: &generator)
              }
            }
          }
        }
      }
    }
    self.captions = captions
    self.pictures = pictures
    self.noise = noise
    self.times = times
    self.dropouts = dropouts
  }
}

/// Fills `values` with standard normal numbers by the Box-Muller transform.
private func fillNormal(
  _ values: UnsafeMutableBufferPointer<Float>, using generator: inout KeyedGenerator
) {
  for index in stride(from: 0, to: values.count, by: 2) {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * log(1 - generator.unit())).squareRoot()
    let angle = 2 * Float.pi * generator.unit()
    values[index] = radius * cos(angle)
    if index + 1 < values.count { values[index + 1] = radius * sin(angle) }
  }
}
