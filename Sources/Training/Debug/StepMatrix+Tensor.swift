import PRDP
import Torch

// Shapes: B trajectories of a prompt, S trained steps.

extension StepMatrix {
  /// The numbers as a tensor on the CPU: float64 [B, S].
  func tensor() throws -> Tensor { try Tensor(values, shape: [trajectoryCount, stepCount]) }
}
