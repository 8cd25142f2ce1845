/// Where a run stands, beside its tensors: with these, it goes on as if it had never stopped.
struct TrainingState: Codable, Equatable {
  /// The next epoch, which is also the data cursor: it takes the positions from epoch * N on.
  var epoch = 0
  /// Optimiser steps taken.
  var step = 0
  /// Images drawn for training, over all ranks.
  var imageCount = 0
  /// Seconds spent so far, those before a resume included.
  var seconds = 0.0
  /// Seconds of them spent in epochs, evaluations apart.
  var trainingSeconds = 0.0
  /// Whether the KL limit ended the run.
  var isBeyondKLLimit = false
  /// What was measured before the first epoch.
  var evaluationBefore: [EvaluationResult] = []
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
