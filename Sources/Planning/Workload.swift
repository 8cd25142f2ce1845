/// What an epoch is made of, whatever the number of ranks. Symbols are those of the paper.
public struct Workload: Codable, Sendable, Equatable {
  /// N: prompts of an epoch, over all ranks.
  public var promptsPerEpoch: Int
  /// B: trajectories of each prompt, all on one rank.
  public var imagesPerPrompt: Int
  /// T: sampling steps.
  public var samplingSteps: Int
  /// S: the sampling steps that enter the loss; T without the last ones that are left out.
  public var trainedSteps: Int
  /// K: optimiser steps of an epoch.
  public var innerSteps: Int
  /// M: the most samples (trajectory, step) in one forward and backward pass.
  public var microBatch: Int
  /// D: elements of a latent.
  public var latentElementCount: Int
  /// What a prompt's encoding takes while its trajectories are kept.
  public var contextByteCount: Int

  /// A workload with every value given.
  public init(
    promptsPerEpoch: Int, imagesPerPrompt: Int, samplingSteps: Int, trainedSteps: Int,
    innerSteps: Int, microBatch: Int, latentElementCount: Int, contextByteCount: Int
  ) {
    self.promptsPerEpoch = promptsPerEpoch
    self.imagesPerPrompt = imagesPerPrompt
    self.samplingSteps = samplingSteps
    self.trainedSteps = trainedSteps
    self.innerSteps = innerSteps
    self.microBatch = microBatch
    self.latentElementCount = latentElementCount
    self.contextByteCount = contextByteCount
  }

  /// Passes through the network for the gradient of one prompt: B S samples, M at a time.
  public var microBatchesPerPrompt: Int {
    (imagesPerPrompt * trainedSteps).dividedRoundingUp(by: microBatch)
  }

  /// Forward passes that each optimiser step of an epoch but the first takes beside those of its
  /// gradient: none where one micro-batch has all samples of a prompt.
  public var extraForwards: Double { microBatchesPerPrompt == 1 ? 0 : 1 }

  /// What one prompt's trajectories take in host memory until the epoch's last step: latents x_T to
  /// x_0 in float32, and in float64 l_old and l_ref of each trained step and a reward an image.
  public var trajectoryByteCount: Int {
    imagesPerPrompt
      * ((samplingSteps + 1) * latentElementCount * 4 + trainedSteps * 2 * 8 + 8)
  }
}

extension Int {
  /// The quotient with a positive number, rounded up.
  package func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}
