import Diffusion
import Foundation
import Images
import Safetensors
import StableDiffusion
import Torch
import TorchNN

// Shapes: B images, T steps, C latent channels, h w rows and columns of the latents.

/// Draws images for the prompts of a file and writes them to a folder.
public struct SampleRun {
  /// What is drawn, and how.
  public struct Settings: Sendable {
    /// The file of prompts, in any format that training takes.
    public var prompts: String
    /// The folder that images go to, made where it is missing.
    public var output: String
    /// Images of each prompt, 1 or more.
    public var imagesPerPrompt = 1
    /// Sampling steps, T.
    public var steps = 50
    /// Of classifier-free guidance; 1 is none.
    public var guidance = 5.0
    /// Share of the posterior's noise, in 0...1.
    public var eta = 1.0
    /// How timesteps are spaced; `nil`: as the model's scheduler has it.
    public var spacing: TimestepSpacing?
    /// Decides all noise.
    public var seed: UInt64 = 0
    /// Images at a time, 1 or more.
    public var batchCount = 4
    /// A safetensors file with `initial` [B, C, h, w] and `steps` [T, B, C, h, w], in place of noise
    /// from the seed.
    public var noise: String?
    /// A safetensors file to write with every step of every image.
    public var trajectory: String?

    /// Settings with a model's usual values.
    public init(prompts: String, output: String) {
      self.prompts = prompts
      self.output = output
    }
  }

  private let model: StableDiffusionModel
  private let settings: Settings
  private let plan: SamplingPlan
  /// The prompt of each image.
  private let prompts: [Prompt]
  private let noise: NoiseFile?

  /// Checks the settings against the model and reads the prompts.
  ///
  /// - Throws: ``TrainingError``, `DiffusionError` or a file's error.
  public init(_ model: StableDiffusionModel, _ settings: Settings) throws {
    self.model = model
    self.settings = settings
    var scheduler = model.scheduler
    if let spacing = settings.spacing { scheduler.timestepSpacing = spacing }
    plan = try SamplingPlan(scheduler, stepCount: settings.steps, eta: settings.eta)
    prompts = try PromptFile(path: settings.prompts).entries.flatMap {
      Array(repeating: $0, count: settings.imagesPerPrompt)
    }
    let shape = [prompts.count] + model.latentShape
    noise = try settings.noise.map {
      try NoiseFile(path: $0, shape: shape, stepCount: settings.steps)
    }
    if let file = settings.trajectory { try Self.requireNew(file, besides: settings.output) }
    let first = Self.imageFile(settings.output, place: 0)
    guard !FileManager.default.fileExists(atPath: first) else {
      throw TrainingError(
        settings.output, expected: "a folder without images", found: first,
        advice: "choose another --output")
    }
    try RunFolder.makeFolder(settings.output, advice: "choose another --output")
  }

  /// Refuses a file that could not be made at the end.
  private static func requireNew(_ file: String, besides output: String) throws {
    let advice = "name a new file in a folder that is there"
    guard !FileManager.default.fileExists(atPath: file) else {
      throw TrainingError(
        file, expected: "a new file for the trajectory", found: "one that is there",
        advice: advice)
    }
    let folder = URL(filePath: file).deletingLastPathComponent().standardizedFileURL.path
    // The folder of the images is made when all is checked.
    guard folder != URL(filePath: output).standardizedFileURL.path else { return }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw TrainingError(
        folder, failed: "a folder for the trajectory", errno: errno, advice: advice)
    }
  }

  private static func imageFile(_ folder: String, place: Int) -> String {
    String(format: "%@/%05d.png", folder, place)
  }

  /// Draws and writes all images, and images.jsonl with a line for each.
  ///
  /// - Parameters:
  ///   - progress: Is told of every step of every batch: how many are asked of the device, which on a
  ///     GPU runs behind, of how many.
  ///   - report: Is given a JSON line for each image, as soon as it is written.
  public func run(
    progress: (_ done: Int, _ of: Int) -> Void, report: (String) -> Void
  ) throws {
    var cells: [ImageGrid.Cell] = []
    var trajectories: [Trajectory] = []
    let list = "\(settings.output)/images.jsonl"
    try DiskOperations().replaceFile(list, contents: Data())
    let lines = try FileHandle(forWritingTo: URL(filePath: list))
    let starts = Array(stride(from: 0, to: prompts.count, by: settings.batchCount))
    try withoutGradient {
      let negatives = try NegativeContexts(of: model)
      for (index, start) in starts.enumerated() {
        let places = start..<min(start + settings.batchCount, prompts.count)
        let conditioning = Conditioning(
          context: try model.encode(prompts: prompts[places].map(\.text)),
          emptyContext: try emptyContext(of: prompts[places], negatives),
          guidanceScale: settings.guidance)
        var trajectory = Trajectory()
        let latents = try plan.run(
          noise: noise(of: places), predictor: model.unet, conditioning
        ) { step in
          if settings.trajectory != nil { try trajectory.append(step) }
          progress(index * plan.steps.count + step.index + 1, starts.count * plan.steps.count)
        }
        let levels = try model.decode(latents)
        if settings.trajectory != nil {
          try trajectory.end(latents, levels)
          trajectories.append(trajectory)
        }
        for (place, image) in zip(places, try Image.images(ofLevels: levels)) {
          let line = try write(image, place: place)
          report(line)
          try lines.write(contentsOf: Data("\(line)\n".utf8))
          guard cells.count < Self.gridLimit else { continue }
          cells.append(ImageGrid.Cell(image: image.thumbnail(), caption: prompts[place].text))
        }
      }
    }
    if let file = settings.trajectory { try write(trajectories, to: file) }
    let columnCount = settings.imagesPerPrompt > 1 ? settings.imagesPerPrompt : 8
    try ImageGrid(cells: cells, columnCount: min(8, columnCount), scale: 1).image()
      .writePNG(to: URL(filePath: "\(settings.output)/grid.png"))
  }

  /// The most images of the grid, the first ones.
  private static let gridLimit = 64

  /// [B, T + 1, C, h, w] of some of the images.
  private func noise(of places: Range<Int>) throws -> Tensor {
    guard let noise else {
      return try model.noise(
        seeds: places.map { noiseSeed(runSeed: settings.seed, position: $0, imageIndex: 0) },
        stepCount: plan.steps.count)
    }
    return try noise.batch(places).to(model.device)
  }

  /// What guidance leads away from: one text for all where no prompt has a negative one.
  private func emptyContext(of prompts: ArraySlice<Prompt>, _ negatives: NegativeContexts) throws
    -> TextContext
  {
    settings.guidance == 1
      ? negatives.empty : try negatives.context(ofBatch: prompts.map(\.negative))
  }

  private struct Line: Encodable {
    let file: String
    let prompt: String
    let index: Int
    let seed: UInt64?
  }

  private func write(_ image: Image, place: Int) throws -> String {
    let file = Self.imageFile(settings.output, place: place)
    try image.writePNG(to: URL(filePath: file))
    let line = Line(
      file: file, prompt: prompts[place].text, index: place,
      seed: noise == nil ? settings.seed : nil)
    return String(decoding: try JSONEncoder.stable().encode(line), as: UTF8.self)
  }

  private func write(_ trajectories: [Trajectory], to file: String) throws {
    func joined(_ part: KeyPath<Trajectory, [Tensor]>) throws -> Tensor {
      try .concatenated(
        trajectories.map { trajectory in
          let tensors = trajectory[keyPath: part]
          return try .concatenated(tensors.map { try $0.reshaped([1] + $0.shape) })
        }, axis: 1)
    }
    let timesteps = plan.steps.map(\.timestep)
    try [
      Parameter(name: "latents", tensor: joined(\.latents)),
      Parameter(name: "predictions", tensor: joined(\.predictions)),
      Parameter(name: "log_probabilities", tensor: joined(\.logProbabilities)),
      Parameter(name: "images", tensor: .concatenated(trajectories.flatMap(\.images))),
      Parameter(name: "timesteps", tensor: Tensor(timesteps, shape: [timesteps.count])),
    ].write(to: URL(filePath: file))
  }
}

/// A batch's steps, each [B, ...] in host memory.
private struct Trajectory {
  /// x_T to x_0, float32 [B, C, h, w].
  private(set) var latents: [Tensor] = []
  /// The guided predictions, float64 [B, C, h, w].
  private(set) var predictions: [Tensor] = []
  /// log p(x_{t-1} | x_t) without the constant, in nats, float64 [B]; 0 for a step without noise.
  private(set) var logProbabilities: [Tensor] = []
  /// The images in 0...1, float32 [B, H, W, 3].
  private(set) var images: [Tensor] = []

  mutating func append(_ step: SampledStep) throws {
    latents.append(try step.sample.to(.cpu))
    predictions.append(try step.prediction.to(.cpu))
    logProbabilities.append(
      try step.gaussian.logProbability(of: step.next, mean: step.mean).to(.cpu))
  }

  mutating func end(_ last: Tensor, _ levels: Tensor) throws {
    latents.append(try last.to(.cpu))
    images = [try levels * (1 / 255)]
  }
}

/// Noise that was drawn elsewhere, to compare with other implementations.
private struct NoiseFile {
  private let initial: Tensor
  private let steps: Tensor

  init(path: String, shape: [Int], stepCount: Int) throws {
    let file = try SafetensorsFile(URL(filePath: path), access: .inMemory)
    func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
      guard let found = file.info(name)?.shape, found == shape else {
        throw TrainingError(
          path, expected: "a tensor \(name) \(shape), for these images and steps",
          found: file.info(name).map { "\($0.shape)" } ?? "none of this name")
      }
      return try .read(name, shape: shape, from: file).to(dtype: .float32)
    }
    initial = try tensor("initial", shape)
    steps = try tensor("steps", [stepCount] + shape)
  }

  /// [B, T + 1, C, h, w] of some of the images.
  func batch(_ places: Range<Int>) throws -> Tensor {
    let first = try initial.narrowed(axis: 0, places)
    let shape = first.shape
    return try .concatenated(
      [
        first.reshaped([shape[0], 1] + shape[1...]),
        steps.narrowed(axis: 1, places).permuted([1, 0, 2, 3, 4]),
      ], axis: 1)
  }
}
