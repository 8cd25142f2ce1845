import Diffusion
import StableDiffusion
import Torch

/// What guidance leads away from: negative prompts, and the empty one where a prompt has none, which
/// some models take for nothing at all rather than for a text.
final class NegativeContexts {
  /// Of the empty prompt.
  let empty: TextContext
  private let contexts: TextContexts

  /// Most runs have a few.
  private static let limit = 64

  /// Contexts that `model` gives.
  init(of model: StableDiffusionModel) throws {
    empty = try withoutGradient { try model.encodeEmptyPrompt() }
    contexts = TextContexts(of: model, limit: Self.limit)
  }

  /// The context for a prompt.
  ///
  /// - Parameter negative: The prompt's own; empty where it has none.
  func context(of negative: String) throws -> TextContext {
    negative.isEmpty ? empty : try contexts.context(of: negative)
  }

  /// The contexts for a batch: one for all where none has its own.
  func context(ofBatch negatives: [String]) throws -> TextContext {
    guard negatives.contains(where: { !$0.isEmpty }) else { return empty }
    return try .concatenated(negatives.map(context(of:)))
  }
}
