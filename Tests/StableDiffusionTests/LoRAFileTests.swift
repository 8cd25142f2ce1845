import Foundation
import Safetensors
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct LoRAFileTests {
  static let lora = LoRAConfiguration(
    rank: 2, alpha: 6, targets: ["to_q", "to_out.0", "conv1", "proj_in"])

  /// A model with adapters that are off their start.
  private func trained(
    _ name: GoldenModel = .twoLevels, _ lora: LoRAConfiguration = lora
  ) throws -> StableDiffusionModel {
    let model = try name.load(lora: lora)
    for (index, parameter) in (model.unetParameters.adapters?.parameters ?? []).enumerated() {
      try parameter.tensor.assign(
        .randn(seed: UInt64(index), shape: parameter.tensor.shape) * 0.1)
    }
    return model
  }

  @Test(arguments: LoRAFile.Layout.allCases)
  func whatIsWrittenIsReadBack(_ layout: LoRAFile.Layout) throws {
    try withTemporaryFolder { folder in
      let model = try trained()
      let adapters = try #require(model.unetParameters.adapters)
      let url = folder.appending(path: layout.fileName)
      try LoRAFile.write(adapters, as: layout, to: url)

      let file = try SafetensorsFile(url)
      let layers = model.unetParameters.layers
      let configuration = try LoRAFile.configuration(of: file, layers: layers)
      #expect(configuration.rank == 2)
      #expect(configuration.alpha == 6)
      let other = try GoldenModel.twoLevels.load(lora: configuration)
      let others = try #require(other.unetParameters.adapters)
      try LoRAFile.load(file, into: others, layers: layers)
      let values = Dictionary(
        uniqueKeysWithValues: others.parameters.map { ($0.name, $0.tensor) })
      #expect(others.parameters.count == adapters.parameters.count)
      for parameter in adapters.parameters {
        let found = try #require(values[parameter.name])
        #expect(try found.values(as: Float.self) == parameter.tensor.values())
      }
    }
  }

  @Test func kohyasNamesHaveUnderscoresAndAnAlphaEach() throws {
    try withTemporaryFolder { folder in
      let model = try trained(
        .twoLevels, LoRAConfiguration(rank: 2, alpha: 6, targets: ["to_out.0"]))
      let url = folder.appending(path: "a.safetensors")
      try LoRAFile.write(try #require(model.unetParameters.adapters), as: .kohya, to: url)
      let file = try SafetensorsFile(url)
      let module = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0"
      #expect(
        Set(file.names.filter { $0.hasPrefix("lora_unet_mid") && $0.contains("attn1") }) == [
          "\(module).alpha", "\(module).lora_down.weight", "\(module).lora_up.weight",
        ])
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func mergedWeightsAreThoseOfTheModelWithAdapters(_ name: GoldenModel) throws {
    let model = try trained(name)
    let golden = try name.golden()
    func output(_ model: StableDiffusionModel) throws -> Tensor {
      try withoutGradient {
        try model.unet(
          golden("unet.sample"), timesteps: golden("unet.timesteps"),
          context: name.context(golden))
      }
    }
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "merged").path
      try name.folder.copyConfiguration(to: path)
      for (network, store) in model.stores {
        try store.writeMerged(to: URL(filePath: ModelFolder(path: path).weights(of: network)))
      }
      let merged = try StableDiffusionModel(ModelFolder(path: path))
      #expect(try relativeDifference(output(merged), from: output(model)) < networkTolerance)
      #expect(
        try relativeDifference(output(merged), from: output(name.load())) > 1e-2)
    }
  }

  @Test(arguments: [
    (
      #"{"unet.lora_alpha": 6, "unet.alpha_pattern": {"mid_block": 64}}"#,
      #"alpha_pattern is ["mid_block"], which is not supported; supported: none"#
    ),
    (
      #"{"unet.rank_pattern": {"a": 1}}"#,
      #"rank_pattern is ["a"], which is not supported; supported: none"#
    ),
    (#"{"unet.use_dora": true}"#, "use_dora is true, which is not supported; supported: false"),
    (
      #"{"unet.use_rslora": true}"#,
      "use_rslora is true, which is not supported; supported: false"
    ),
    ("{", #"lora_adapter_metadata must be a JSON object, found "{""#),
  ])
  func metadataThatChangesWhatAdaptersDoIsRefused(metadata: String, message: String) throws {
    try withTemporaryFolder { folder in
      let model = try trained()
      let url = folder.appending(path: "a.safetensors")
      try model.unetParameters.trainable
        .map { Parameter(name: "unet.\($0.name)", tensor: $0.tensor) }
        .write(to: url, metadata: ["lora_adapter_metadata": metadata])
      let error = #expect(throws: ModelError.self) {
        try LoRAFile.configuration(of: SafetensorsFile(url), layers: model.unetParameters.layers)
      }
      #expect(error?.description == "\(url.path): \(message)")
    }
  }

  @Test func alphaIsTheTensorsWhereMetadataHasNone() throws {
    try withTemporaryFolder { folder in
      let model = try trained()
      let url = folder.appending(path: "a.safetensors")
      let name = "lora_unet_conv_in"
      try [
        Parameter(name: "\(name).lora_down.weight", tensor: .zeros(shape: [2, 4, 3, 3])),
        Parameter(name: "\(name).lora_up.weight", tensor: .zeros(shape: [8, 2, 1, 1])),
        Parameter(name: "\(name).alpha", tensor: Tensor([5 as Float], shape: [])),
      ].write(to: url, metadata: ["lora_adapter_metadata": "{}"])
      let configuration = try LoRAFile.configuration(
        of: SafetensorsFile(url), layers: model.unetParameters.layers)
      #expect(configuration.alpha == 5)
      #expect(configuration.targets == ["conv_in"])
    }
  }

  @Test func aFileForAnotherModelIsRefusedByName() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try [Parameter(name: "unet.elsewhere.to_q.lora_A.weight", tensor: .zeros(shape: [2, 8]))]
        .write(to: url)
      let model = try GoldenModel.twoLevels.load()
      let error = #expect(throws: ModelError.self) {
        try LoRAFile.configuration(
          of: SafetensorsFile(url), layers: model.unetParameters.layers)
      }
      #expect(
        error?.description
          == "\(url.path): unet.elsewhere.to_q.lora_A.weight must be an adapter of one of this "
          + "UNet's layers, as diffusers or Kohya name it, found another name; adapters of text "
          + "encoders are not supported, and of another model no use")
    }
  }
}
