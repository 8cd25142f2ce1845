import Foundation
import Safetensors
import Torch
import TorchNN

// Shapes: r rank of an adapter.

/// A file with the adapters of a UNet, for other programs to load.
public enum LoRAFile {
  /// How the tensors are named.
  public enum Layout: String, Sendable, CaseIterable {
    /// `unet.<path>.lora_A.weight`, for diffusers: `load_lora_weights`.
    case diffusers
    /// `lora_unet_<path>.lora_down.weight`, for ComfyUI, AUTOMATIC1111 and InvokeAI.
    case kohya

    /// The file's usual name.
    public var fileName: String {
      switch self {
      case .diffusers: "pytorch_lora_weights.safetensors"
      case .kohya: "lora_kohya.safetensors"
      }
    }
  }

  /// Writes a UNet's adapters.
  ///
  /// - Source: diffusers 0.42.1, loaders/lora_base.py, `pack_weights` and `_save_lora_weights`;
  ///   utils/state_dict_utils.py, `convert_state_dict_to_kohya`.
  public static func write(_ adapters: LoRAAdapters, as layout: Layout, to url: URL) throws {
    switch layout {
    case .diffusers:
      let configuration = adapters.configuration
      let values: [String: Any] = [
        "unet.r": configuration.rank, "unet.lora_alpha": configuration.alpha,
        "unet.target_modules": configuration.targets,
      ]
      let json = try JSONSerialization.data(withJSONObject: values, options: .sortedKeys)
      try adapters.parameters
        .map { Parameter(name: "unet.\($0.name)", tensor: $0.tensor) }
        .write(
          to: url,
          metadata: [
            "format": "pt", metadataKey: String(decoding: json, as: UTF8.self),
          ])
    case .kohya:
      let alpha = try Tensor([Float(adapters.configuration.alpha)], shape: [])
      try adapters.parameters.flatMap { parameter in
        let (path, part) = Name(parameter.name).parts
        let module = "lora_unet_" + path.replacing(".", with: "_")
        switch part {
        case .a:
          return [
            Parameter(name: "\(module).lora_down.weight", tensor: parameter.tensor),
            Parameter(name: "\(module).alpha", tensor: alpha),
          ]
        case .b: return [Parameter(name: "\(module).lora_up.weight", tensor: parameter.tensor)]
        }
      }.write(to: url)
    }
  }

  /// The size and layers of the adapters that a file in either layout holds.
  ///
  /// - Parameter layers: The paths of the UNet's layers that an adapter may be beside.
  /// - Throws: ``ModelError`` for a file that holds anything else.
  public static func configuration(of file: SafetensorsFile, layers: [String]) throws
    -> LoRAConfiguration
  {
    let entries = try entries(of: file, layers: layers)
    let ranks = Set(try entries.filter { $0.part == .a }.map { try shape($0.key, file)[0] })
    guard let rank = ranks.first, ranks.count == 1 else {
      throw ModelError.invalid(
        path: file.path, key: "lora_A", expected: "one rank for all adapters",
        found: ranks.isEmpty ? "no adapter" : "\(ranks.sorted())")
    }
    return LoRAConfiguration(
      rank: rank, alpha: try alpha(of: file) ?? Double(rank),
      targets: Set(entries.map(\.path)).sorted())
  }

  /// The adapters that a file in either layout holds, by the names of their parameters.
  ///
  /// - Throws: ``ModelError`` for a file that holds anything else.
  public static func tensors(of file: SafetensorsFile, layers: [String]) throws -> [String: Tensor]
  {
    var tensors: [String: Tensor] = [:]
    for entry in try entries(of: file, layers: layers) {
      tensors["\(entry.path).\(entry.part.rawValue).weight"] = try .read(
        entry.key, shape: shape(entry.key, file), from: file)
    }
    return tensors
  }

  /// Overwrites adapters with a file's values.
  ///
  /// - Throws: ``ModelError`` or `NNError` unless the file holds these adapters.
  public static func load(_ file: SafetensorsFile, into adapters: LoRAAdapters, layers: [String])
    throws
  {
    let tensors = try tensors(of: file, layers: layers)
    for parameter in adapters.parameters {
      guard let tensor = tensors[parameter.name] else {
        throw NNError.missingTensor(
          name: parameter.name, expected: parameter.tensor.shape, source: file.path)
      }
      guard tensor.shape == parameter.tensor.shape else {
        throw NNError.wrongShape(
          name: parameter.name, expected: parameter.tensor.shape, found: tensor.shape,
          source: file.path)
      }
      try parameter.tensor.assign(tensor)
    }
  }

  /// An adapter's two matrices, by peft's names.
  private enum Part: String {
    /// [r, in]
    case a = "lora_A"
    /// [out, r]
    case b = "lora_B"
  }

  /// `<path>.lora_A.weight`, as adapters name their parameters.
  private struct Name {
    let parts: (path: String, part: Part)

    init(_ name: String) {
      for part in [Part.a, .b] {
        let end = ".\(part.rawValue).weight"
        if name.hasSuffix(end) {
          parts = (String(name.dropLast(end.count)), part)
          return
        }
      }
      preconditionFailure("\(name) is not the name of an adapter's parameter")
    }
  }

  private struct Entry {
    let key: String
    let path: String
    let part: Part
  }

  private static func entries(of file: SafetensorsFile, layers: [String]) throws -> [Entry] {
    let byModule = Dictionary(
      layers.map { ("lora_unet_" + $0.replacing(".", with: "_"), $0) },
      uniquingKeysWith: { a, _ in a })
    let known = Set(layers)
    let ends: [(String, Part)] = [
      (".lora_A.weight", .a), (".lora_B.weight", .b), (".lora_down.weight", .a),
      (".lora_up.weight", .b),
    ]
    var entries: [Entry] = []
    for key in file.names where !key.hasSuffix(".alpha") {
      guard let (end, part) = ends.first(where: { key.hasSuffix($0.0) }) else {
        throw notOfThisModel(key, file)
      }
      let module = String(key.dropLast(end.count))
      let path = module.hasPrefix("unet.") ? String(module.dropFirst(5)) : byModule[module]
      guard let path, known.contains(path) else { throw notOfThisModel(key, file) }
      entries.append(Entry(key: key, path: path, part: part))
    }
    return entries
  }

  private static func notOfThisModel(_ key: String, _ file: SafetensorsFile) -> ModelError {
    .invalid(
      path: file.path, key: key,
      expected: "an adapter of one of this UNet's layers, as diffusers or Kohya name it",
      found:
        "another name; adapters of text encoders are not supported, and of another model no use")
  }

  private static func shape(_ key: String, _ file: SafetensorsFile) throws -> [Int] {
    guard let shape = file.info(key)?.shape, !shape.isEmpty else {
      throw ModelError.invalid(
        path: file.path, key: key, expected: "a matrix or convolution", found: "a number")
    }
    return shape
  }

  /// The alpha of all adapters; `nil` where the file names none.
  private static func alpha(of file: SafetensorsFile) throws -> Double? {
    if let text = file.metadata[metadataKey], let alpha = try alpha(inMetadata: text, file) {
      return alpha
    }
    let alphas = Set(
      try file.names.filter { $0.hasSuffix(".alpha") }.map {
        try Tensor.read($0, shape: file.info($0)?.shape ?? [], from: file).item()
      })
    guard alphas.count <= 1 else {
      throw ModelError.invalid(
        path: file.path, key: "alpha", expected: "one value for all adapters",
        found: "\(alphas.sorted())")
    }
    return alphas.first
  }

  /// - Parameter text: peft's configuration, each key after the network's name.
  private static func alpha(inMetadata text: String, _ file: SafetensorsFile) throws -> Double? {
    let object = try? JSONSerialization.jsonObject(with: Data(text.utf8))
    guard let values = object as? [String: Any] else {
      throw ModelError.invalid(
        path: file.path, key: metadataKey, expected: "a JSON object",
        found: "\"\(text.prefix(60))\"")
    }
    for key in ["alpha_pattern", "rank_pattern"] {
      guard let pattern = values["unet.\(key)"] as? [String: Any], !pattern.isEmpty else {
        continue
      }
      throw ModelError.unsupported(
        path: file.path, key: key, found: "\(pattern.keys.sorted())", supported: "none")
    }
    for key in ["use_dora", "use_rslora"] where values["unet.\(key)"] as? Bool == true {
      throw ModelError.unsupported(path: file.path, key: key, found: "true", supported: "false")
    }
    return values["unet.lora_alpha"] as? Double
  }

  private static let metadataKey = "lora_adapter_metadata"
}
