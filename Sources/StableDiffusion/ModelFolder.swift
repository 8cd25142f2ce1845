import Foundation
import Safetensors
import TorchNN

/// The places of a model's files in diffusers' layout.
public struct ModelFolder: Sendable {
  /// The folder that holds `model_index.json`.
  public let path: String
  /// The kind of weight files to take, such as `fp16`; `nil` for those without one in their name.
  public let variant: String?

  /// A network, in a folder of its own of this name.
  public enum Network: String, CaseIterable, Sendable {
    case unet, vae
    case textEncoder = "text_encoder"
    case secondTextEncoder = "text_encoder_2"

    static let textEncoders = [textEncoder, secondTextEncoder]

    /// The weight file's name up to the variant.
    var weightsName: String {
      switch self {
      case .unet, .vae: "diffusion_pytorch_model"
      case .textEncoder, .secondTextEncoder: "model"
      }
    }
  }

  /// The folders that every model has.
  static let parts = ["unet", "vae", "text_encoder", "tokenizer", "scheduler"]

  /// The layout below `path`.
  public init(path: String, variant: String? = nil) {
    self.path = path
    self.variant = variant
  }

  var index: String { "\(path)/model_index.json" }
  var schedulerConfiguration: String { "\(path)/scheduler/scheduler_config.json" }

  /// The networks that the folder has: Stable Diffusion XL has two text encoders.
  public var networks: [Network] {
    Network.allCases.filter { $0 != .secondTextEncoder || isFolder($0.rawValue) }
  }

  func tokenizer(of network: Network) -> String {
    network == .secondTextEncoder ? "\(path)/tokenizer_2" : "\(path)/tokenizer"
  }

  func configuration(of network: Network) -> String {
    "\(path)/\(network.rawValue)/config.json"
  }

  /// The file that all of a network's weights go to.
  public func weights(of network: Network) -> String {
    "\(path)/\(network.rawValue)/\(network.weightsName).safetensors"
  }

  /// The files that hold weights, which with their configurations make the model what it is.
  ///
  /// - Throws: ``ModelError``.
  public func weightFiles() throws(ModelError) -> [String] {
    var files: [String] = []
    for network in networks { files += try weightFiles(of: network) }
    return files
  }

  /// The files that hold a network's weights: one, or those that its index names.
  ///
  /// - Throws: ``ModelError`` where there are none.
  public func weightFiles(of network: Network) throws(ModelError) -> [String] {
    try stored(network).paths()
  }

  private func stored(_ network: Network) -> WeightFiles {
    WeightFiles(
      folder: "\(path)/\(network.rawValue)", name: network.weightsName, variant: variant)
  }

  /// Refuses a folder that is not there or lacks a part.
  func requireParts() throws(ModelError) {
    guard isFolder("") else {
      throw .unreadable(
        path: path,
        reason: "no such model folder; expected one in diffusers' layout with unet, vae, "
          + "text_encoder, tokenizer and scheduler")
    }
    for part in Self.parts + (isFolder("text_encoder_2") ? ["tokenizer_2"] : [])
    where !isFolder(part) {
      throw .unreadable(
        path: path,
        reason: "has no folder \(part); is it a Stable Diffusion model in diffusers' layout?")
    }
    _ = try weightFiles()
  }

  private func isFolder(_ part: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: "\(path)/\(part)", isDirectory: &isFolder)
      && isFolder.boolValue
  }

  func contents(of file: String) throws(ModelError) -> Data {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw .unreadable(path: file, reason: "no such file, or not readable")
    }
    return data
  }
}

extension ModelFolder {
  /// The paths of the UNet's layers that an adapter may be beside, as its weight files name them.
  public func unetLayers() throws -> [String] {
    try files(of: .unet).flatMap { file in
      file.names.filter { $0.hasSuffix(".weight") && (file.info($0)?.shape.count ?? 0) > 1 }
        .map { String($0.dropLast(".weight".count)) }
    }
  }

  /// The files that hold a network's weights, open.
  func files(of network: Network) throws -> [SafetensorsFile] {
    try stored(network).open()
  }
}
