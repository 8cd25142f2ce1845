import Foundation
import Safetensors
import Torch
import TorchNN

// Shapes: B batch, P features of a picture.

/// Linear layers one after the other, from the features of a picture to its rating.
///
/// LAION's heads have nothing between the layers but dropout, which is off when ratings are predicted.
/// The file names the tensors as PyTorch's state dict does: `layers.0.weight`, `layers.2.weight` and so
/// on for several layers, or `weight` and `bias` for a single one.
struct AestheticHead {
  let layers: [Linear]

  /// Reads a safetensors file.
  ///
  /// - Throws: ``ModelError`` or ``NNError`` where the layers do not lead from `inputWidth` features
  ///   to one.
  init(path: String, inputWidth: Int, device: Device) throws {
    if let suffix = ["pth", "pt", "bin", "ckpt"].first(where: { path.hasSuffix(".\($0)") }) {
      throw ModelError.unreadable(
        path: path,
        reason: ".\(suffix) is refused, since reading it runs code: convert it with "
          + "scripts/convert_reward.py")
    }
    let file = try SafetensorsFile(URL(filePath: path))
    let indices = file.names.compactMap { name -> Int? in
      let parts = name.split(separator: ".")
      return parts.count == 3 && parts[0] == "layers" && parts[2] == "weight" ? Int(parts[1]) : nil
    }.sorted()
    let prefixes = indices.isEmpty ? [""] : indices.map { "layers.\($0)." }
    let store = ParameterStore(.files([file]), device: device)
    var (layers, width): ([Linear], Int) = ([], inputWidth)
    for (position, prefix) in prefixes.enumerated() {
      let shape = file.info("\(prefix)weight")?.shape ?? []
      let isLast = position == prefixes.count - 1
      guard shape.count == 2, shape[1] == width, !isLast || shape[0] == 1 else {
        throw NNError.wrongShape(
          name: "\(prefix)weight", expected: [isLast ? 1 : shape.first ?? 1, width], found: shape,
          source: path)
      }
      let place = indices.isEmpty ? store.root : store.root / "layers" / indices[position]
      layers.append(try Linear(place, in: width, out: shape[0]))
      width = shape[0]
    }
    try store.finish()
    self.layers = layers
  }

  /// [B, P] to [B].
  func callAsFunction(_ features: Tensor) throws -> Tensor {
    try layers.reduce(features) { try $1($0) }.reshaped([-1])
  }
}
