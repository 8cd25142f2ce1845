import Diffusion
import PRDP
import Rewards
import Torch

// Shapes: B trajectories of a prompt, T sampling steps, S trained ones, C latent channels, h w rows
// and columns of the latents.

/// A prompt's trajectories under the old policy, and all that training needs of them.
struct Rollout {
  /// The prompt's place in the run, which keys its noise.
  let position: Int
  let prompt: String
  /// Of the prompt.
  let context: TextContext
  /// What guidance led away from: of the negative prompt, or of the empty one.
  let emptyContext: TextContext
  /// x_T to x_0: [T + 1, B, C, h, w], float32 in host memory.
  let latents: Tensor
  /// l_old, reduced over the latent elements as the method asks: [B][S].
  let old: StepMatrix
  /// l_ref, likewise.
  let reference: StepMatrix
  /// The KL divergence of the old policy from the reference, in nats, a mean over trajectories.
  let kl: KLDivergence
  /// r, raw, `nil` where a score is missing: [B]; empty before they are scored.
  var rewards: [Double?]
  /// What each term of the reward says, raw: [terms][B]; empty where an earlier release saved the
  /// rollout.
  var components: [[Double?]]

  /// A, of DDPO, `nil` where a score is missing: [B]; empty before it is known, and with PRDP.
  var advantages: [Double?] = []

  /// This rollout with the scores of its images.
  func scored(_ scores: WeightedScores) -> Rollout {
    var rollout = self
    rollout.rewards = scores.sums
    rollout.components = scores.components.map { $0.map(\.value) }
    return rollout
  }

  /// Images without a reward.
  var missingCount: Int { rewards.count { $0 == nil } }
}

/// A KL divergence from the reference policy along trajectories, in nats.
struct KLDivergence {
  /// Summed over the steps that enter the loss.
  var trainedSteps: Double
  /// Summed over all steps that have noise.
  var allSteps: Double
}
