import Diffusion
import StableDiffusion
import Torch

/// The contexts of texts, each computed once as long as it is kept, and by itself: in its last bits it
/// does not depend on the texts beside it.
final class TextContexts {
  private let model: StableDiffusionModel
  private let limit: Int
  private var contexts: [String: TextContext] = [:]

  /// Contexts that `model` gives.
  ///
  /// - Parameter limit: The most that are kept: where they are more, all are let go of.
  init(of model: StableDiffusionModel, limit: Int = .max) {
    self.model = model
    self.limit = limit
  }

  /// The context of a text.
  func context(of text: String) throws -> TextContext {
    if let context = contexts[text] { return context }
    let context = try withoutGradient { try model.encode(prompts: [text]) }
    if contexts.count >= limit { forget() }
    contexts[text] = context
    return context
  }

  /// The contexts of texts as a batch.
  func context(ofBatch texts: some Sequence<String>) throws -> TextContext {
    try .concatenated(texts.map { try context(of: $0) })
  }

  /// Lets go of all.
  func forget() { contexts = [:] }
}
