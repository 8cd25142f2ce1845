/// The loss of one prompt at an optimiser step, and the constants of its gradient.
public protocol StepObjective: Sendable {
  /// What the prompt adds to the mean over prompts.
  var loss: Double { get }
  /// w_it: the gradient of the loss is the sum over i and t of w_it times that of l_it: [B][S].
  var weights: StepMatrix { get }
  /// u_i, the log-ratios to the reference, each a mean over steps: [B].
  var logRatios: [Double] { get }
  /// delta_it, the log-ratios to the old policy: [B][S].
  var deltas: StepMatrix { get }
  /// Share of trajectories and steps at or beyond the clip range, in 0...1.
  var clipFraction: Double { get }
  /// Share of the prompt's pairs that have equal rewards, in 0...1.
  var tiedPairFraction: Double { get }
}
