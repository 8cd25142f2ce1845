import Foundation
import Images
import Safetensors
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

@Suite(.serialized) struct SampleRunTests {
  private let prompts = ["a small red circle", "a large blue star", "a green ring"]

  /// Draws two images of three prompts and returns the lines that were reported.
  private func run(
    in folder: URL, _ name: String, change: (inout SampleRun.Settings) -> Void = { _ in }
  ) throws -> [String] {
    let file = folder.appending(path: "prompts.txt")
    try Data(prompts.map { $0 + "\n" }.joined().utf8).write(to: file)
    var settings = SampleRun.Settings(
      prompts: file.path, output: folder.appending(path: name).path)
    settings.imagesPerPrompt = 2
    settings.steps = 3
    settings.seed = 7
    change(&settings)
    var lines: [String] = []
    var progress: [Int] = []
    var total = 0
    try SampleRun(DebugFixture.model(in: folder.path), settings).run(
      progress: {
        progress.append($0)
        total = $1
      }, report: { lines.append($0) })
    #expect(!progress.isEmpty && progress == Array(1...max(1, progress.count)))
    #expect(progress.last == total)
    return lines
  }

  private func pixels(_ folder: URL, _ name: String) throws -> [UInt8] {
    try Image(png: Data(contentsOf: folder.appending(path: name))).pixels
  }

  @Test func imagesLinesAndAGridAreWritten() throws {
    try withTemporaryFolder { folder in
      let lines = try run(in: folder, "a")
      #expect(lines.count == 6)
      for (index, line) in lines.enumerated() {
        let object = try #require(
          JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["prompt"] as? String == prompts[index / 2])
        #expect(object["index"] as? Int == index)
        let file = try #require(object["file"] as? String)
        #expect(try Image(png: Data(contentsOf: URL(filePath: file))).width == 64)
      }
      let written = try String(
        contentsOf: folder.appending(path: "a/images.jsonl"), encoding: .utf8)
      #expect(written == lines.map { $0 + "\n" }.joined())
      // Two columns of three rows, with captions.
      let grid = try Image(png: Data(contentsOf: folder.appending(path: "a/grid.png")))
      #expect(grid.width > 128 && grid.height > 192)
      #expect(
        try pixels(folder, "a/00000.png") != pixels(folder, "a/00001.png"), "one noise for both")
    }
  }

  @Test func imagesAreTheSameInAnyBatch() throws {
    try withTemporaryFolder { folder in
      _ = try run(in: folder, "a") { $0.batchCount = 1 }
      _ = try run(in: folder, "b") { $0.batchCount = 5 }
      for index in 0..<6 {
        let name = "0000\(index).png"
        let (one, other) = (try pixels(folder, "a/\(name)"), try pixels(folder, "b/\(name)"))
        // Sums of another shape are rounded otherwise.
        #expect(zip(one, other).allSatisfy { abs(Int($0) - Int($1)) <= 1 }, "\(name)")
      }
    }
  }

  @Test func noiseFromAFileIsUsedAndEveryStepIsSaved() throws {
    try withTemporaryFolder { folder in
      // Among the images, whose folder is not there yet.
      let (noise, trajectory) = (
        folder.appending(path: "noise.safetensors"), folder.appending(path: "a/steps.safetensors")
      )
      let initial = try Tensor.randn(seed: 1, shape: [6, 4, 8, 8])
      let steps = try Tensor.randn(seed: 2, shape: [3, 6, 4, 8, 8])
      try [Parameter(name: "initial", tensor: initial), Parameter(name: "steps", tensor: steps)]
        .write(to: noise)
      _ = try run(in: folder, "a") {
        $0.noise = noise.path
        $0.trajectory = trajectory.path
        $0.eta = 1
      }
      let file = try SafetensorsFile(trajectory)
      func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        try .read(name, shape: shape, from: file)
      }
      let latents = try tensor("latents", [4, 6, 4, 8, 8])
      let first = try latents.narrowed(axis: 0, 0..<1).reshaped(initial.shape)
      #expect(try first.values(as: Float.self) == initial.values())
      _ = try tensor("predictions", [3, 6, 4, 8, 8])
      // log N(x; mu, sigma^2) without its constant is -|noise|^2 / 2.
      let expected = try steps.to(dtype: .float64).squared().sum(axes: [2, 3, 4]) * -0.5
      let found = try tensor("log_probabilities", [3, 6])
      #expect(try TestSupport.relativeDifference(found, from: expected) < 1e-5)
      #expect(try tensor("timesteps", [3]).values(as: Double.self) == [667, 334, 1])
    }
  }

  @Test func aTrajectoryThatIsThereIsFoundBeforeTheFirstImage() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "steps.safetensors")
      try Data().write(to: file)
      let error = #expect(throws: TrainingError.self) {
        try run(in: folder, "a") { $0.trajectory = file.path }
      }
      #expect(error?.description.contains("expected a new file for the trajectory") == true)
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "a").path))
    }
  }

  @Test func noiseOfAnotherShapeIsRefused() throws {
    try withTemporaryFolder { folder in
      let noise = folder.appending(path: "noise.safetensors")
      try [Parameter(name: "initial", tensor: .zeros(shape: [5, 4, 8, 8]))].write(to: noise)
      let error = #expect(throws: TrainingError.self) {
        try run(in: folder, "a") { $0.noise = noise.path }
      }
      #expect(
        error?.description.contains(
          "expected a tensor initial [6, 4, 8, 8], for these images and steps, found [5, 4, 8, 8]")
          == true, "\(String(describing: error))")
    }
  }
}
