import Foundation
import Safetensors
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct WeightFilesTests {
  private func output(_ model: StableDiffusionModel) throws -> [Tensor] {
    try withoutGradient {
      try model.outputs(prompt: "a small red circle").map { try $0.tensor.to(dtype: .float64) }
    }
  }

  /// A model's folder, after `change` was made to it, gives what the model gives.
  private func expectSameOutputs(
    _ name: GoldenModel = .twoLevels, variant: String? = nil, tolerance: Double = 0,
    after change: (ModelFolder) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let copy = folder.appending(path: "model")
      try FileManager.default.copyItem(at: URL(filePath: name.folder.path), to: copy)
      try change(ModelFolder(path: copy.path))
      let model = try StableDiffusionModel(ModelFolder(path: copy.path, variant: variant))
      for (found, expected) in zip(try output(model), try output(name.load())) {
        #expect(try relativeDifference(found, from: expected) <= tolerance)
      }
    }
  }

  /// Replaces the only weight file of a network by what `write` makes of its tensors.
  private func rewrite(
    _ folder: ModelFolder, _ network: ModelFolder.Network,
    _ write: (_ tensors: [Parameter], _ folder: URL) throws -> Void
  ) throws {
    let url = URL(filePath: folder.weights(of: network))
    let file = try SafetensorsFile(url, access: .inMemory)
    let tensors = try file.names.map { name in
      Parameter(
        name: name, tensor: try .read(name, shape: file.info(name)?.shape ?? [], from: file))
    }
    try FileManager.default.removeItem(at: url)
    try write(tensors, url.deletingLastPathComponent())
  }

  @Test(arguments: [DType.float16, .bfloat16])
  func aVariantInHalfPrecisionIsReadByItsName(_ dtype: DType) throws {
    try expectSameOutputs(variant: "fp16", tolerance: 0.05) { folder in
      for network in folder.networks {
        try rewrite(folder, network) { tensors, place in
          let name = network == .textEncoder ? "model" : "diffusion_pytorch_model"
          try tensors.map { Parameter(name: $0.name, tensor: try $0.tensor.to(dtype: dtype)) }
            .write(to: place.appending(path: "\(name).fp16.safetensors"))
        }
      }
    }
  }

  @Test func weightsInSeveralFilesAreReadByTheirIndex() throws {
    try expectSameOutputs { folder in
      try rewrite(folder, .unet) { tensors, place in
        let parts = [tensors.prefix(40), tensors.dropFirst(40)]
        var map: [String: String] = [:]
        for (index, part) in parts.enumerated() {
          let name = "diffusion_pytorch_model-0000\(index + 1)-of-00002.safetensors"
          try Array(part).write(to: place.appending(path: name))
          for parameter in part { map[parameter.name] = name }
        }
        try JSONSerialization.data(withJSONObject: ["metadata": [:], "weight_map": map])
          .write(to: place.appending(path: "diffusion_pytorch_model.safetensors.index.json"))
      }
    }
  }

  @Test func namesOfEarlierVersionsAreRead() throws {
    try expectSameOutputs { folder in
      try rewrite(folder, .vae) { tensors, place in
        let old = [
          "to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn",
        ]
        try tensors.map { parameter in
          let name = old.reduce(parameter.name) {
            $0.replacing(".attentions.0.\($1.key).", with: ".attentions.0.\($1.value).")
          }
          return Parameter(name: name, tensor: parameter.tensor)
        }.write(to: place.appending(path: "diffusion_pytorch_model.safetensors"))
        #expect(tensors.contains { $0.name.contains(".attentions.0.to_q.") })
      }
      try rewrite(folder, .textEncoder) { tensors, place in
        let positions = Parameter(
          name: "text_model.embeddings.position_ids",
          tensor: try Tensor((0..<8).map(Int64.init), shape: [1, 8]))
        try
          (tensors.map { Parameter(name: "text_model.\($0.name)", tensor: $0.tensor) }
          + [positions]).write(to: place.appending(path: "model.safetensors"))
      }
    }
  }

  @Test func linksIntoACacheAreFollowed() throws {
    try withTemporaryFolder { folder in
      let blob = folder.appending(path: "blob")
      try expectSameOutputs { model in
        let weights = URL(filePath: model.weights(of: .unet))
        try FileManager.default.moveItem(at: weights, to: blob)
        try FileManager.default.createSymbolicLink(at: weights, withDestinationURL: blob)
      }
    }
  }

  /// In a process of its own: tensors of other tests would count too.
  @Test func weightsStayInTheFilesMemory() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      let model = try GoldenModel.twoLevels.load()
      let live = try Device.cpu.memoryBytes().live
      #expect(model.weightByteCount > 100_000)
      #expect(live < model.weightByteCount / 20)
      // What is written there is the process's own.
      let parameter = model.unetParameters.parameters[0]
      let before: [Float] = try parameter.tensor.values()
      try parameter.tensor.scaleInPlace(by: 2)
      let other = try GoldenModel.twoLevels.load().unetParameters.parameters[0]
      let after: [Float] = try other.tensor.values()
      #expect(after == before)
    }
  }
}
