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
    case latents, old, reference, kl, rewards

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
      parameter(.rewards, try Tensor(rewards, shape: [rewards.count])),
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
    latentsShape: [Int], trainedStepCount: Int
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
      position: position, prompt: prompt, context: context,
      latents: try tensor(.latents, latentsShape), old: try matrix(.old),
      reference: try matrix(.reference),
      kl: KLDivergence(trainedSteps: kl[0], allSteps: kl[1]),
      rewards: try tensor(.rewards, [trajectoryCount]).values())
  }
}
