import Foundation
import Safetensors
import Torch
import TorchNN

extension StableDiffusionModel {
  /// Loads a folder in diffusers' layout, and beside its UNet's weights the adapters of a file.
  ///
  /// - Throws: Also what ``LoRAFile`` throws for a file of another model.
  public convenience init(
    _ folder: ModelFolder, device: Device = .cpu, dtype: DType = .float32, loraFile: URL
  ) throws {
    let file = try SafetensorsFile(loraFile, access: .inMemory)
    try folder.requireParts()
    // The layers' names are the network's: the file says which of them have an adapter.
    let layers = try folder.unetLayers()
    try self.init(
      folder, device: device, dtype: dtype,
      lora: LoRAFile.configuration(of: file, layers: layers))
    guard let adapters = unetParameters.adapters else { return }
    try LoRAFile.load(file, into: adapters, layers: layers)
  }
}
