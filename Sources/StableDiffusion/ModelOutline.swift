import CLIP
import Foundation
import Safetensors
import Torch
import TorchNN

/// What a model's files say of its size: nothing is loaded but their headers.
public struct ModelOutline: Sendable {
  /// Elements of the weights of each network.
  public let elementCounts: [ModelFolder.Network: Int]
  /// Channels, rows and columns of the latents.
  public let latentShape: [Int]
  /// Tokens and features of a prompt's encoding.
  public let contextShape: [Int]
  /// The shape of each weight of the UNet that an adapter may be for, by the path of its layer.
  private let layers: [String: [Int]]

  /// Reads the headers and configurations.
  ///
  /// - Throws: ``ModelError``, or the error of the file that does not fit.
  public init(_ folder: ModelFolder) throws {
    try folder.requireParts()
    var elementCounts: [ModelFolder.Network: Int] = [:]
    var layers: [String: [Int]] = [:]
    for network in folder.networks {
      var count = 0
      for file in try folder.files(of: network) {
        for name in file.names {
          // Those of whole numbers, such as positions, are not loaded.
          guard let info = file.info(name), info.dtype.isFloatingPoint else { continue }
          count += info.shape.reduce(1, *)
          if network == .unet, name.hasSuffix(".weight"), info.shape.count > 1 {
            layers[String(name.dropLast(".weight".count))] = info.shape
          }
        }
      }
      elementCounts[network] = count
    }
    self.elementCounts = elementCounts
    self.layers = layers
    let unet = try UNetConfiguration(contentsOf: folder.configuration(of: .unet))
    let text = try CLIPTextConfiguration(contentsOf: folder.configuration(of: .textEncoder))
    latentShape = [unet.inChannels, unet.sampleSize, unet.sampleSize]
    contextShape = [text.positionCount, unet.crossAttentionWidth]
  }

  /// Bytes of all weights in memory, UNet and text encoders in `dtype` and the autoencoder in
  /// float32.
  public func weightByteCount(dtype: DType) -> Int {
    elementCounts.reduce(0) { sum, network in
      sum + network.value * (network.key == .vae ? DType.float32 : dtype).byteCount
    }
  }

  /// Elements of the adapters: rank rows of a layer's inputs, and as many columns of its outputs.
  ///
  /// - Throws: ``NNError`` where a target is the end of no layer's path.
  public func adapterElementCount(_ lora: LoRAConfiguration) throws -> Int {
    var unmatched = lora.targets
    var count = 0
    for (path, shape) in layers {
      guard let target = lora.target(of: path) else { continue }
      unmatched.removeAll { $0 == target }
      count += lora.rank * (shape.dropFirst().reduce(1, *) + shape[0])
    }
    guard unmatched.isEmpty else { throw NNError.unmatchedTargets(unmatched) }
    return count
  }
}

extension SafetensorsDType {
  fileprivate var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    case .bool, .uint8, .int8, .int16, .int32, .int64: false
    }
  }
}
