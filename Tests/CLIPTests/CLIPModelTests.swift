import CLIP
import Foundation
import Images
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct CLIPModelTests {
  /// The models that scripts/golden/reward_golden.py saved: quick_gelu with the files of before 2023,
  /// and gelu in float16 in shards with those of transformers 5.
  static let models = ["legacy", "split"]
  static let prompts = [
    "a small red circle", "a large blue star above a ring", "a small red circle", "moon", "",
    String(repeating: "a ", count: 30), "red",
  ]

  static func folder(_ name: String) -> URL {
    Golden.fixtures.appending(path: "rewards/\(name)")
  }

  @Test func thePixelsAreThoseOfTransformersBitForBit() throws {
    let pictures = try GoldenPictures()
    let expected = try pictures.golden("pixels").values(as: Float.self)
    for name in Self.models {
      let processor = try CLIPModel(folder: Self.folder(name).path).imageProcessor
      #expect(try processor.pixels(of: pictures.images).values(as: Float.self) == expected)
    }
  }

  @Test(arguments: models)
  func theEmbeddingsAreThoseOfTransformers(name: String) throws {
    let (pictures, golden) = (try GoldenPictures(), try Golden("rewards/\(name).safetensors"))
    let model = try CLIPModel(folder: Self.folder(name).path)
    let images = try model.embeddings(of: pictures.images)
    let texts = try model.embeddings(of: Self.prompts)
    // Both sides are float32 and the same libtorch: some 1e-7.
    #expect(try relativeDifference(images, from: golden("image")) < 1e-5)
    #expect(try relativeDifference(texts, from: golden("text")) < 1e-5)
  }

  /// bfloat16 has 8 bits of precision, float16 has 11; the networks are two layers deep.
  @Test(arguments: models, [(DType.float16, 5e-3), (.bfloat16, 4e-2)])
  func halfPrecisionIsNear(name: String, precision: (dtype: DType, tolerance: Double)) throws {
    let (pictures, golden) = (try GoldenPictures(), try Golden("rewards/\(name).safetensors"))
    let model = try CLIPModel(folder: Self.folder(name).path, dtype: precision.dtype)
    let images = try model.embeddings(of: pictures.images)
    let texts = try model.embeddings(of: Self.prompts)
    #expect(images.dtype == .float32 && texts.dtype == .float32)
    for (found, part) in [(images, "image"), (texts, "text")] {
      let difference = try relativeDifference(found, from: golden(part))
      #expect(difference < precision.tolerance && difference > 0, "\(part)")
    }
    let exact = try CLIPModel(folder: Self.folder(name).path).cosineScale
    #expect(model.cosineScale == exact)
  }

  @Test(arguments: models)
  func aBatchIsItsPicturesSideBySide(name: String) throws {
    let (images, model) = (
      try GoldenPictures().images, try CLIPModel(folder: Self.folder(name).path)
    )
    let whole = try model.embeddings(of: images)
    let parts = try images.map { try model.embeddings(of: [$0]) }
    #expect(try relativeDifference(.concatenated(parts), from: whole) < 1e-6)
    let lengths = try whole.squared().sum(axes: [1]).values(as: Double.self)
    #expect(lengths.allSatisfy { abs($0 - 1) < 1e-6 })
  }

  @Test func pixelsOfAnotherSizeAreRefused() throws {
    let model = try CLIPModel(folder: Self.folder("legacy").path)
    let error = #expect(throws: ModelError.self) {
      try model.embeddings(ofPixels: .zeros(shape: [2, 3, 20, 24]))
    }
    #expect(
      error?.description
        == "the image encoder takes images [B, 3, 20, 20], got [2, 3, 20, 24]")
  }

  /// Runs a test with a copy of `legacy` in which a text of a file is replaced, or the file removed.
  private func withChange(
    _ file: String, _ old: String?, _ new: String = "", _ body: (URL) throws -> Void
  ) throws {
    try withTemporaryFolder { scratch in
      let copy = scratch.appending(path: "model")
      try FileManager.default.copyItem(at: Self.folder("legacy"), to: copy)
      let url = copy.appending(path: file)
      if let old {
        let text = try String(contentsOf: url, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacing(old, with: new).write(to: url, atomically: true, encoding: .utf8)
      } else {
        try FileManager.default.removeItem(at: url)
      }
      try body(copy)
    }
  }

  private static let layout =
    "no such file; expected a CLIP model in transformers' layout, with config.json, "
    + "model.safetensors, preprocessor_config.json and the tokenizer's files; what a fine-tuned "
    + "model lacks is to be copied from the model it was made of"

  @Test(
    arguments: [
      ("config.json", nil, "", "config.json: \(layout)"),
      ("preprocessor_config.json", nil, "", "preprocessor_config.json: \(layout)"),
      (
        "model.safetensors", nil, "",
        "model.safetensors: no such file; weights must be in safetensors files"
      ),
      (
        "config.json", #""vocab_size": 605"#, #""vocab_size": 600"#,
        "config.json: vocab_size must be the tokenizer's 605 or more, found 600"
      ),
      (
        "config.json", "vision_config", "visual_config",
        "config.json: vision_config must be an object, found nothing"
      ),
      (
        "config.json", #""patch_size": 4"#, #""patch_size": 40"#,
        "config.json: vision_config_dict.image_size must be from patch_size 40 to 4096, found 20"
      ),
      (
        "config.json", #""num_channels": 3"#, #""num_channels": 4"#,
        "config.json: vision_config_dict.num_channels is 4, which is not supported; supported: 3"
      ),
      (
        "config.json", #""num_attention_heads": 3"#, #""num_attention_heads": 5"#,
        "config.json: vision_config_dict.num_attention_heads must be a divisor of hidden_size 12, "
          + "found 5"
      ),
      (
        "preprocessor_config.json", #""crop_size": 20"#, #""crop_size": 18"#,
        "preprocessor_config.json: crop_size must be config.json's image_size 20, found [18, 18]"
      ),
      (
        "preprocessor_config.json", #""size": 20, "do"#, #""size": {"shortest_edge": 19}, "do"#,
        "preprocessor_config.json: size must be from crop_size 20 to 4096, found 19"
      ),
      (
        "preprocessor_config.json", #""resample": 3"#, #""resample": 2"#,
        "preprocessor_config.json: resample is 2, which is not supported; supported: 3"
      ),
      (
        "preprocessor_config.json", #""do_normalize": true"#, #""do_normalize": false"#,
        "preprocessor_config.json: do_normalize is false, which is not supported; supported: true"
      ),
      (
        "preprocessor_config.json", "0.26130258", "0",
        "preprocessor_config.json: image_std must be three numbers above 0, found "
          + "[0.26862954, 0.0, 0.27577711]"
      ),
    ] as [(String, String?, String, String)])
  func aFolderThatDoesNotFitIsNamed(
    file: String, old: String?, new: String, message: String
  ) throws {
    try withChange(file, old, new) { folder in
      let error = #expect(throws: ModelError.self) { try CLIPModel(folder: folder.path) }
      #expect(error?.description == "\(folder.path)/\(message)")
    }
  }

  @Test func picturesMayBeSquashedToASize() throws {
    let change = #""size": {"height": 20, "width": 20}, "do"#
    try withChange("preprocessor_config.json", #""size": 20, "do"#, change) { folder in
      let pictures = try GoldenPictures()
      let processor = try CLIPModel(folder: folder.path).imageProcessor
      let found = try processor.pixels(of: [pictures.images[2]])
      let squashed = try GoldenPictures.image(pictures.golden("resized.2.20x20"))
      // A picture of the network's size goes through as it is.
      #expect(
        try found.values(as: Float.self)
          == processor.pixels(of: [squashed]).values(as: Float.self))
    }
  }
}
