import PRDP

/// Where a run stands, beside its tensors: with these, it goes on as if it had never stopped.
struct TrainingState: Codable, Equatable {
  /// The next epoch, which is also the data cursor: it takes the positions from epoch * N on.
  var epoch = 0
  /// Optimiser steps taken in that epoch: where there are any, its trajectories are saved too.
  var inner = 0
  /// Optimiser steps taken.
  var step = 0
  /// Samples in one pass of learning, where memory did not suffice for those configured: a resumed
  /// run keeps to it, as results depend on it in their last bits.
  var microBatchCount: Int?
  /// Images drawn for training, over all ranks.
  var imageCount = 0
  /// Seconds spent so far, those before a resume included.
  var seconds = 0.0
  /// Seconds of them spent in epochs, evaluations apart.
  var trainingSeconds = 0.0
  /// Whether what comes before the first epoch and between two epochs, an evaluation mostly, is not
  /// done yet.
  var isEvaluationDue = true
  /// Whether the KL limit ended the run.
  var isBeyondKLLimit = false
  /// What was measured before the first epoch.
  var evaluationBefore: [EvaluationResult] = []
  /// Where each held-out reward stood highest.
  var heldOutPeaks = HeldOutPeaks()
  /// The best evaluated step so far, where that is asked for.
  var best: BestCheckpoint?
  /// The last rewards of each prompt, where DDPO normalises by them.
  var rewardHistory: RewardHistory?
  /// The resolved configuration of the run that saved this.
  var configuration: String
  /// Identifies the model that the run started from.
  var modelSHA256: String
  /// Identifies the prompts, whose order the cursor refers to.
  var promptsSHA256: String

  init(configuration: String, modelSHA256: String, promptsSHA256: String) {
    self.configuration = configuration
    self.modelSHA256 = modelSHA256
    self.promptsSHA256 = promptsSHA256
  }
}

extension TrainingState {
  /// Reads what this or an earlier release saved.
  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    epoch = try values.decode(Int.self, forKey: .epoch)
    // Earlier releases saved between epochs only.
    inner = try values.decodeIfPresent(Int.self, forKey: .inner) ?? 0
    step = try values.decode(Int.self, forKey: .step)
    microBatchCount = try values.decodeIfPresent(Int.self, forKey: .microBatchCount)
    imageCount = try values.decode(Int.self, forKey: .imageCount)
    seconds = try values.decode(Double.self, forKey: .seconds)
    trainingSeconds = try values.decode(Double.self, forKey: .trainingSeconds)
    // Earlier releases saved after the evaluation only.
    isEvaluationDue = try values.decodeIfPresent(Bool.self, forKey: .isEvaluationDue) ?? false
    isBeyondKLLimit = try values.decode(Bool.self, forKey: .isBeyondKLLimit)
    evaluationBefore = try values.decode([EvaluationResult].self, forKey: .evaluationBefore)
    heldOutPeaks =
      try values.decodeIfPresent(HeldOutPeaks.self, forKey: .heldOutPeaks) ?? HeldOutPeaks()
    best = try values.decodeIfPresent(BestCheckpoint.self, forKey: .best)
    rewardHistory = try values.decodeIfPresent(RewardHistory.self, forKey: .rewardHistory)
    configuration = try values.decode(String.self, forKey: .configuration)
    modelSHA256 = try values.decode(String.self, forKey: .modelSHA256)
    promptsSHA256 = try values.decode(String.self, forKey: .promptsSHA256)
  }
}
