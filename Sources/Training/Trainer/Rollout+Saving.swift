import Diffusion
import PRDP
import Safetensors
import Torch
import TorchNN

// Shapes: B trajectories of a prompt, T sampling steps, S trained ones, C latent channels, h w rows
// and columns of the latents.

/// What a checkpoint holds of an epoch in flight. The text is encoded anew on a resume, and all that
/// follows from trajectories is computed anew.
extension Rollout {
  /// What they are saved as.
  static let groupName = "rollouts"

  /// The parts that are saved, named `<position>.latents` and so on.
  private enum Part: String {
    case latents, old, reference, kl, rewards, components

    func name(at position: Int) -> String { "\(position).\(rawValue)" }
  }

  /// The numbers of this rollout as they are saved.
  func tensors() throws -> [Parameter] {
    func parameter(_ part: Part, _ tensor: Tensor) -> Parameter {
      Parameter(name: part.name(at: position), tensor: tensor)
    }
    let shape = [old.trajectoryCount, old.stepCount]
    return [
      parameter(.latents, latents),
      parameter(.old, try Tensor(old.values, shape: shape)),
      parameter(.reference, try Tensor(reference.values, shape: shape)),
      parameter(.kl, try Tensor([kl.trainedSteps, kl.allSteps], shape: [2])),
      parameter(.rewards, try Tensor(rewards.withNaN, shape: [rewards.count])),
      parameter(
        .components,
        try Tensor(components.flatMap(\.withNaN), shape: [components.count, rewards.count])),
    ]
  }

  /// A name that a file has which holds the rollout at `position`.
  static func nameOfLatents(at position: Int) -> String { Part.latents.name(at: position) }

  /// Reads the rollout at `position`.
  ///
  /// - Parameters:
  ///   - latentsShape: [T + 1, B, C, h, w].
  ///   - trainedStepCount: S.
  /// - Throws: `NNError` where the file holds another.
  init(
    at position: Int, of file: SafetensorsFile, prompt: String, context: TextContext,
    emptyContext: TextContext, latentsShape: [Int], trainedStepCount: Int
  ) throws {
    func tensor(_ part: Part, _ shape: [Int]) throws -> Tensor {
      try .read(part.name(at: position), shape: shape, from: file)
    }
    let trajectoryCount = latentsShape[1]
    func matrix(_ part: Part) throws -> StepMatrix {
      StepMatrix(
        trajectoryCount: trajectoryCount, stepCount: trainedStepCount,
        values: try tensor(part, [trajectoryCount, trainedStepCount]).values())
    }
    let kl: [Double] = try tensor(.kl, [2]).values()
    self.init(
      position: position, prompt: prompt, context: context, emptyContext: emptyContext,
      latents: try tensor(.latents, latentsShape), old: try matrix(.old),
      reference: try matrix(.reference),
      kl: KLDivergence(trainedSteps: kl[0], allSteps: kl[1]),
      rewards: [Double?](withNaN: try tensor(.rewards, [trajectoryCount]).values()),
      components: try Self.components(at: position, of: file, trajectoryCount))
  }

  /// Earlier releases saved none.
  private static func components(
    at position: Int, of file: SafetensorsFile, _ trajectoryCount: Int
  ) throws -> [[Double?]] {
    let name = Part.components.name(at: position)
    guard let info = file.info(name), let count = info.shape.first, count > 0 else { return [] }
    let values: [Double] = try Tensor.read(name, shape: [count, trajectoryCount], from: file)
      .values()
    return (0..<count).map {
      [Double?](withNaN: values[$0 * trajectoryCount..<($0 + 1) * trajectoryCount])
    }
  }
}

/// Missing scores where there is room for numbers alone: in a tensor, and on the way between ranks.
extension [Double?] {
  /// The numbers, NaN for each that is missing; no score is.
  var withNaN: [Double] { map { $0 ?? .nan } }

  /// The numbers, of which each NaN is a missing one.
  init(withNaN values: some Sequence<Double>) {
    self = values.map { $0.isNaN ? nil : $0 }
  }
}
