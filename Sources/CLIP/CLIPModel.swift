import Foundation
import Images
import Safetensors
import Torch
import TorchNN

// Shapes: B batch, P features of a text or an image.

/// Images and texts as unit vectors, near each other where they fit: both of CLIP's towers.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPModel.
public struct CLIPModel {
  /// Text to token ids.
  public let tokenizer: CLIPTokenizer
  /// Token ids to features.
  public let text: CLIPTextModel
  /// Pictures to pixels.
  public let imageProcessor: CLIPImageProcessor
  /// Pixels to features.
  public let vision: CLIPVisionModel
  /// The factor that the model was trained to multiply cosines by, from its logarithm in the file.
  public let cosineScale: Double
  /// The weights.
  public let parameters: ParameterStore

  /// Features of a text or an image.
  public var projectionWidth: Int { vision.configuration.projectionWidth }

  /// Loads a folder in transformers' layout: config.json, model.safetensors or its shards,
  /// preprocessor_config.json or processor_config.json, and the tokenizer's files.
  ///
  /// Weights that already are of `dtype` and for the CPU stay in the files' memory maps: they must
  /// not be changed while the model lives.
  ///
  /// - Parameter dtype: The type to compute in, up to the embeddings, which are in float32.
  /// - Throws: ``ModelError``, ``NNError``, ``CLIPError`` or the error of the file that does not fit.
  public init(folder: String, device: Device = .cpu, dtype: DType = .float32) throws {
    let configuration = "\(folder)/config.json"
    try Self.require(["config.json"], in: folder)
    let processor = try Self.require(
      ["preprocessor_config.json", "processor_config.json"], in: folder)
    let json = try JSONFile(path: configuration)
    let width = try json.int("projection_dim", default: 512)
    let text = try CLIPTextConfiguration(Self.part("text_config", json), projectionWidth: width)
    let vision = try CLIPVisionConfiguration(
      Self.part("vision_config", json), projectionWidth: width)
    tokenizer = try CLIPTokenizer(folder: URL(filePath: folder))
    try text.require(fitting: tokenizer, path: configuration)
    imageProcessor = try CLIPImageProcessor(contentsOf: "\(folder)/\(processor)")
    let (crop, side) = ([imageProcessor.cropHeight, imageProcessor.cropWidth], vision.imageSide)
    guard crop == [side, side] else {
      throw ModelError.invalid(
        path: "\(folder)/\(processor)", key: "crop_size",
        expected: "config.json's image_size \(side)", found: "\(crop)")
    }

    let files = try WeightFiles(folder: folder, name: "model").open()
    parameters = ParameterStore(.files(files), device: device, dtype: dtype)
    self.text = try CLIPTextModel(parameters.root, text)
    self.vision = try CLIPVisionModel(parameters.root, vision)
    // Not in `dtype`: the exponential of a rounded logarithm is some percent off.
    let scale = ParameterStore(.files(files))
    let logarithm = try scale.root.parameter("logit_scale", shape: [], .zeros)
    cosineScale = try logarithm.to(dtype: .float64).exp().item()
    // transformers once saved the positions 0, 1, 2...
    try parameters.finish(ignoring: ["position_ids", "logit_scale"])
  }

  /// Files from before 2023 have a second set of values, which takes precedence.
  private static func part(_ key: String, _ json: JSONFile) throws(ModelError) -> JSONFile {
    try json.object(json.containsObject("\(key)_dict") ? "\(key)_dict" : key)
  }

  /// The first of the files that is there.
  @discardableResult
  private static func require(_ names: [String], in folder: String) throws(ModelError) -> String {
    let found = names.first { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    guard let found else {
      throw .unreadable(
        path: "\(folder)/\(names[0])",
        reason: "no such file; expected a CLIP model in transformers' layout, with config.json, "
          + "model.safetensors, preprocessor_config.json and the tokenizer's files; what a "
          + "fine-tuned model lacks is to be copied from the model it was made of")
    }
    return found
  }

  /// Unit vectors of texts, each cut to the tokens that the network takes: [B, P] in float32.
  public func embeddings(of texts: [String]) throws -> Tensor {
    let tokens = try texts.map { try tokenizer.encode($0) }
    guard let features = try text(tokens, on: parameters.device).pooled else {
      preconditionFailure("the text tower of a CLIP model projects")
    }
    return try Self.normalized(features)
  }

  /// Unit vectors of pictures, [B, P] in float32.
  public func embeddings(of images: [Image]) throws -> Tensor {
    try embeddings(ofPixels: imageProcessor.pixels(of: images))
  }

  /// Unit vectors of pixels that are processed already, [B, 3, H, W] to [B, P] in float32.
  public func embeddings(ofPixels pixels: Tensor) throws -> Tensor {
    try Self.normalized(vision(pixels.to(parameters.device)))
  }

  /// [B, P] to rows of length 1.
  private static func normalized(_ features: Tensor) throws -> Tensor {
    let features = try features.to(dtype: .float32)
    let lengths = try features.squared().sum(axes: [1]).squareRoot()
    return try features / lengths.reshaped([-1, 1])
  }
}
