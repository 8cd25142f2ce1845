import Foundation
import Safetensors
import Torch

/// The parameters of one network: where their values come from, and which are trained.
///
/// Layers ask for their parameters by path while the network is built, so the names in a file are
/// the paths in the code and no mapping between them exists. Loading is strict: a missing or
/// misshapen tensor throws at once, and ``finish()`` refuses a file with tensors nobody asked for.
public final class ParameterStore {
  /// Where values come from.
  public enum Source {
    /// A file, or several when the weights are sharded.
    case files([SafetensorsFile])
    /// New random values, a function of the seed and each parameter's name.
    case random(seed: UInt64)
  }

  /// Low-rank adapters beside the network's own weights; `nil` for full fine-tuning.
  public let adapters: LoRAAdapters?
  /// Where the parameters live.
  public let device: Device
  /// The network's own parameters in the order its layers asked for them.
  public private(set) var parameters: [Parameter] = []

  /// The files of which no tensor may be left over.
  private let files: [SafetensorsFile]
  private let values: (_ name: String, _ shape: [Int], Initialization) throws -> Tensor
  private let dtype: DType
  private var index: [String: Int] = [:]

  /// A store without parameters yet.
  ///
  /// - Parameters:
  ///   - dtype: The type to hold the network's own weights in, whatever the file has.
  ///   - lora: Adds trainable adapters to the layers it names and freezes the rest.
  public init(
    _ source: Source, device: Device = .cpu, dtype: DType = .float32,
    lora: LoRAConfiguration? = nil, loraSeed: UInt64 = 0
  ) {
    switch source {
    case .files(let files):
      self.files = files
      values = { name, shape, _ in
        for file in files where file.info(name) != nil {
          return try .map(name, shape: shape, from: file)
        }
        throw NNError.missingTensor(
          name: name, expected: shape, source: files.map(\.path).joined(separator: ", "))
      }
    case .random(let seed):
      files = []
      values = { name, shape, initialization in
        try initialization.values(shape: shape, seed: keyedSeed(seed, name))
      }
    }
    self.device = device
    self.dtype = dtype
    self.adapters = lora.map { LoRAAdapters(configuration: $0, seed: loraSeed, device: device) }
  }

  /// A store for a copy of another network and of its adapters, on the same device.
  ///
  /// - Parameter dtype: The type to hold all of it in.
  public init(copying other: ParameterStore, dtype: DType = .float32) {
    files = []
    values = { name, shape, _ in
      guard let position = other.index[name] else {
        throw NNError.missingTensor(name: name, expected: shape, source: "the network to copy")
      }
      return try other.parameters[position].tensor.detached().clone()
    }
    self.device = other.device
    self.dtype = dtype
    self.adapters = other.adapters.map { LoRAAdapters(copying: $0, dtype: dtype) }
  }

  /// The path from which the network's layers are named.
  public var root: ParameterPath { ParameterPath(store: self, path: "") }

  /// Ends the building of the network.
  ///
  /// - Parameter ignored: Ends of the names of tensors that files may hold beside the network's.
  /// - Throws: ``NNError`` when the file holds tensors that no layer asked for, or a LoRA target
  ///   named no layer.
  public func finish(ignoring ignored: [String] = []) throws {
    for file in files {
      let unused = file.names.filter { name in
        index[name] == nil && !ignored.contains { name == $0 || name.hasSuffix(".\($0)") }
      }
      if !unused.isEmpty {
        throw NNError.unexpectedTensors(file.shapes(of: unused), source: file.path)
      }
    }
    try adapters?.finish()
  }

  /// The parameters that an optimizer changes: the adapters', or all of the network.
  public var trainable: [Parameter] { adapters?.parameters ?? parameters }

  /// Makes ``trainable``, and nothing else, require gradients.
  public func enableTraining() throws {
    for parameter in parameters { try parameter.tensor.setRequiresGradient(adapters == nil) }
    for parameter in adapters?.parameters ?? [] { try parameter.tensor.setRequiresGradient(true) }
  }

  /// The paths of the layers that an adapter may be beside: those with a matrix or convolution.
  public var layers: [String] {
    parameters.filter { $0.name.hasSuffix(".weight") && $0.tensor.shape.count > 1 }
      .map { String($0.name.dropLast(".weight".count)) }
  }

  /// The weights [out, in, ...] with the adapters' updates added: those of the same network without
  /// adapters.
  public func merged(_ parameter: Parameter) throws -> Tensor {
    let path = parameter.name.hasSuffix(".weight") ? parameter.name.dropLast(".weight".count) : ""
    guard let update = try adapters?.update(of: String(path)) else { return parameter.tensor }
    let weight = try parameter.tensor.detached()
    let sum = try weight.to(dtype: .float32) + update.reshaped(weight.shape)
    return try sum.to(dtype: weight.dtype)
  }

  /// Writes the network's parameters to a new safetensors file, with the adapters merged.
  public func writeMerged(to url: URL) throws {
    try parameters.write(to: url) { try self.merged($0) }
  }

  func contains(_ name: String) -> Bool { files.contains { $0.info(name) != nil } }

  func parameter(_ name: String, shape: [Int], _ initialization: Initialization) throws -> Tensor {
    precondition(index[name] == nil, "two layers ask for the parameter \(name)")
    let tensor = try values(name, shape, initialization).to(device, dtype: dtype)
    index[name] = parameters.count
    parameters.append(Parameter(name: name, tensor: tensor))
    return tensor
  }
}

/// A place in a network's tree of layers, which asks the store for parameters below it.
public struct ParameterPath {
  let store: ParameterStore
  let path: String

  /// The place of the child `component`: a name, or an index in a list of layers.
  public static func / (parent: ParameterPath, component: some CustomStringConvertible)
    -> ParameterPath
  {
    let child = parent.path.isEmpty ? "\(component)" : "\(parent.path).\(component)"
    return ParameterPath(store: parent.store, path: child)
  }

  /// The parameter `name` of the layer at this place.
  public func parameter(_ name: String, shape: [Int], _ initialization: Initialization) throws
    -> Tensor
  {
    try store.parameter(fullName(name), shape: shape, initialization)
  }

  /// Whether the files that values come from name a parameter `name` of the layer at this place.
  public func contains(_ name: String) -> Bool { store.contains(fullName(name)) }

  /// Where the parameters are.
  public var device: Device { store.device }

  private func fullName(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// The adapter of the layer at this place, if the LoRA configuration names it.
  func adapter(inShape: [Int], outShape: [Int]) throws -> LoRAAdapter? {
    try store.adapters?.adapter(for: path, inShape: inShape, outShape: outShape)
  }
}

/// A seed that depends on a base seed and a name (FNV-1a), stable across machines and releases.
func keyedSeed(_ seed: UInt64, _ name: String) -> UInt64 {
  name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
