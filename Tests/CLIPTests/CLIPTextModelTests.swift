import CLIP
import Foundation
import Safetensors
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct CLIPTextModelTests {
  /// The text encoders that scripts/golden/model_golden.py saved: quick_gelu with transformers 5's
  /// keys, gelu with those of earlier versions, and the two of Stable Diffusion XL.
  static let models = [
    ("two-levels", "text_encoder", false), ("three-levels", "text_encoder", true),
    ("two-encoders", "text_encoder", true), ("two-encoders", "text_encoder_2", true),
  ]

  private func load(
    _ name: String, _ part: String = "text_encoder", hasPrefix: Bool, isLegacy: Bool = false
  ) throws -> CLIPTextModel {
    let folder = Golden.fixtures.appending(path: "models/\(name)/\(part)")
    var configuration = try CLIPTextConfiguration(
      contentsOf: folder.appending(path: "config.json").path)
    if isLegacy { configuration.endToken = nil }
    let store = ParameterStore(
      .files([try SafetensorsFile(folder.appending(path: "model.safetensors"))]))
    let model = try CLIPTextModel(store.root, configuration, prefix: hasPrefix)
    try store.finish()
    return model
  }

  private func tokens(_ golden: Golden, _ part: String = "text") throws -> [[Int]] {
    let tensor = try golden("\(part).tokens")
    let values = try tensor.values(as: Int64.self).map { Int($0) }
    let length = tensor.shape[1]
    return (0..<tensor.shape[0]).map { Array(values[$0 * length..<($0 + 1) * length]) }
  }

  @Test(arguments: models)
  func theHiddenStatesAreThoseOfTransformers(name: String, folder: String, hasPrefix: Bool) throws {
    let golden = try Golden("models/\(name).safetensors")
    let part = folder.replacing("_encoder", with: "")
    let found = try load(name, folder, hasPrefix: hasPrefix)(tokens(golden, part))
    // Both sides are float32 and the same libtorch: some 1e-7.
    #expect(try relativeDifference(found.last, from: golden("\(part).output")) < 1e-5)
    #expect(try relativeDifference(found.penultimate, from: golden("\(part).penultimate")) < 1e-5)
  }

  @Test func theFeaturesOfAWholeTextAreThoseAtItsEnd() throws {
    let golden = try Golden("models/two-encoders.safetensors")
    for (name, isLegacy) in [("pooled", false), ("pooledLegacy", true)] {
      let model = try load(
        "two-encoders", "text_encoder_2", hasPrefix: true, isLegacy: isLegacy)
      #expect(model.configuration.endToken == (isLegacy ? nil : 604))
      let pooled = try #require(try model(tokens(golden, "text_2")).pooled)
      let expected = try golden("text_2.\(name)")
      #expect(try relativeDifference(pooled, from: expected) < 1e-5)
      // The two texts have different features.
      let (first, second) = try (
        expected.narrowed(axis: 0, 0..<1), expected.narrowed(axis: 0, 1..<2)
      )
      #expect(try relativeDifference(second, from: first) > 1e-2)
    }
  }

  @Test func aTokenDoesNotSeeThoseAfterIt() throws {
    let model = try load("two-levels", hasPrefix: false)
    let (first, second) = (try model([[1, 2, 3, 4]]).last, try model([[1, 2, 9, 8]]).last)
    let head = { (x: Tensor) in try x.narrowed(axis: 1, 0..<2) }
    let tail = { (x: Tensor) in try x.narrowed(axis: 1, 2..<4) }
    #expect(try relativeDifference(head(second), from: head(first)) < 1e-6)
    #expect(try relativeDifference(tail(second), from: tail(first)) > 1e-2)
    // A shorter row is the beginning of a longer one.
    #expect(try relativeDifference(model([[1, 2]]).last, from: head(first)) < 1e-6)
  }

  @Test(arguments: [([[1, 2], [3]], "[1, 2]"), ([Array(repeating: 1, count: 17)], "[17]")])
  func rowsThatDoNotFitAreRefused(tokens: [[Int]], lengths: String) throws {
    let model = try load("two-levels", hasPrefix: false)
    let error = #expect(throws: ModelError.self) { try model(tokens) }
    #expect(
      error?.description == "the text encoder takes rows of equal length up to 16 tokens, got "
        + "\(lengths); do tokenizer and text_encoder belong together?")
  }

  @Test func aConfigurationGoesThroughItsFile() throws {
    var configuration = CLIPTextConfiguration(
      vocabularyCount: 10, hiddenWidth: 8, intermediateWidth: 12, layerCount: 3, headCount: 4,
      positionCount: 5)
    configuration.encoder.activation = .gelu
    configuration.encoder.normEpsilon = 1e-4
    let data = try JSONSerialization.data(withJSONObject: configuration.json)
    try withFolder(["config.json": data]) { folder throws in
      let path = folder.appending(path: "config.json").path
      #expect(try CLIPTextConfiguration(contentsOf: path) == configuration)
    }
  }

  @Test(arguments: [
    (
      #"{"hidden_act": "relu"}"#,
      "hidden_act is relu, which is not supported; supported: quick_gelu, gelu, silu"
    ),
    (
      #"{"num_attention_heads": 5}"#,
      "num_attention_heads must be a divisor of hidden_size 512, found 5"
    ),
    (
      #"{"num_attention_heads": 0}"#,
      "num_attention_heads must be a divisor of hidden_size 512, found 0"
    ),
    (#"{"vocab_size": "many"}"#, "vocab_size must be an integer, found many"),
  ])
  func aConfigurationThatDoesNotFitIsNamed(contents: String, text: String) throws {
    try withFolder(["config.json": Data(contents.utf8)]) { folder in
      let path = folder.appending(path: "config.json").path
      let error = #expect(throws: ModelError.self) { try CLIPTextConfiguration(contentsOf: path) }
      #expect(error?.description == "\(path): \(text)")
    }
  }
}
