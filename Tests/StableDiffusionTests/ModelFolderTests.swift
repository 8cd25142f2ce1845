import CLIP
import Foundation
import Safetensors
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ModelFolderTests {
  /// Something wrong with a folder that was right, and the text that says so after the folder's path.
  struct Damage: Sendable, CustomTestStringConvertible {
    let text: String
    let apply: @Sendable (URL) throws -> Void

    init(_ text: String, _ apply: @escaping @Sendable (URL) throws -> Void) {
      self.text = text
      self.apply = apply
    }

    /// An option of a config.json with another value.
    init(_ file: String, _ key: String, _ value: String, _ text: String) {
      self.init("/\(file)/config.json: \(text)") { folder in
        let url = folder.appending(path: "\(file)/config.json")
        var object = try #require(
          JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        object[key] = try JSONSerialization.jsonObject(
          with: Data(value.utf8), options: .fragmentsAllowed)
        try JSONSerialization.data(withJSONObject: object).write(to: url)
      }
    }

    var testDescription: String { text }
  }

  static let missing = [
    Damage(
      ": no such model folder; expected one in diffusers' layout with unet, vae, text_encoder, "
        + "tokenizer and scheduler"
    ) { try FileManager.default.removeItem(at: $0) },
    Damage(": has no folder vae; is it a Stable Diffusion model in diffusers' layout?") {
      try FileManager.default.removeItem(at: $0.appending(path: "vae"))
    },
    Damage(": has no folder tokenizer; is it a Stable Diffusion model in diffusers' layout?") {
      try FileManager.default.removeItem(at: $0.appending(path: "tokenizer"))
      try Data().write(to: $0.appending(path: "tokenizer"))
    },
    Damage(
      "/unet/diffusion_pytorch_model.safetensors: no such file; .bin and .ckpt are refused, since "
        + "reading them runs code: convert them with save_pretrained of diffusers or transformers"
    ) {
      let unet = $0.appending(path: "unet")
      try FileManager.default.moveItem(
        at: unet.appending(path: "diffusion_pytorch_model.safetensors"),
        to: unet.appending(path: "diffusion_pytorch_model.bin"))
    },
    Damage(
      "/unet/diffusion_pytorch_model.safetensors: no such file; there are weights of the variant fp16: "
        + "name it (model.variant, --variant)"
    ) {
      let unet = $0.appending(path: "unet")
      try FileManager.default.moveItem(
        at: unet.appending(path: "diffusion_pytorch_model.safetensors"),
        to: unet.appending(path: "diffusion_pytorch_model.fp16.safetensors"))
    },
    Damage(
      "/unet/diffusion_pytorch_model.safetensors.index.json: weight_map must be of files beside it, "
        + "found b.safetensors, which is not there"
    ) {
      let unet = $0.appending(path: "unet")
      try FileManager.default.removeItem(
        at: unet.appending(path: "diffusion_pytorch_model.safetensors"))
      try Data(#"{"weight_map": {"conv_in.weight": "b.safetensors"}}"#.utf8)
        .write(to: unet.appending(path: "diffusion_pytorch_model.safetensors.index.json"))
    },
    Damage(
      "/vae/config.json: no such file; expected a model folder in diffusers' layout"
    ) { try FileManager.default.removeItem(at: $0.appending(path: "vae/config.json")) },
    Damage("/scheduler/scheduler_config.json: no such file, or not readable") {
      try FileManager.default.removeItem(at: $0.appending(path: "scheduler/scheduler_config.json"))
    },
    Damage("/text_encoder/config.json: expected a JSON object") {
      try Data("{".utf8).write(to: $0.appending(path: "text_encoder/config.json"))
    },
  ]

  static let options = [
    Damage("unet", "act_fn", #""gelu""#, "act_fn is gelu, which is not supported; supported: silu"),
    Damage(
      "unet", "only_cross_attention", "true",
      "only_cross_attention is true, which is not supported; supported: false"),
    Damage(
      "unet", "time_embedding_act_fn", #""silu""#,
      "time_embedding_act_fn is silu, which is not supported; supported: null"),
    Damage(
      "unet", "resnet_out_scale_factor", "2.5",
      "resnet_out_scale_factor is 2.5, which is not supported; supported: 1"),
    Damage(
      "unet", "mid_block_type", #""UNetMidBlock2D""#,
      "mid_block_type is UNetMidBlock2D, which is not supported; supported: "
        + "UNetMidBlock2DCrossAttn"),
    Damage(
      "unet", "down_block_types", #"["DownBlock2D", "AttnDownBlock2D"]"#,
      #"down_block_types is ["DownBlock2D", "AttnDownBlock2D"], which is not supported; supported: "#
        + "one DownBlock2D or CrossAttnDownBlock2D for each of 2 levels"),
    Damage(
      "unet", "up_block_types", #"["UpBlock2D", "CrossAttnUpBlock2D"]"#,
      #"up_block_types is ["UpBlock2D", "CrossAttnUpBlock2D"], which is not supported; supported: "#
        + #"the mirror image of down_block_types, ["CrossAttnUpBlock2D", "UpBlock2D"]"#),
    Damage(
      "unet", "attention_head_dim", "5",
      "attention_head_dim must be a divisor of the level's 8 channels, found 5"),
    Damage(
      "unet", "norm_num_groups", "3",
      "block_out_channels must be multiples of norm_num_groups 3, found [8, 12]"),
    Damage(
      "unet", "sample_size", "9",
      "sample_size must be a multiple of 2, which 2 levels halve down to 1, found 9"),
    Damage(
      "unet", "cross_attention_dim", "[8, 8]",
      "cross_attention_dim must be an integer, found [8, 8]"),
    Damage(
      "unet", "cross_attention_dim", "16",
      "cross_attention_dim must be the text encoder's hidden_size 8, found 16"),
    Damage(
      "unet", "in_channels", "9",
      "in_channels must be like out_channels the autoencoder's latent_channels 4, found 9"),
    Damage(
      "vae", "use_quant_conv", "false",
      "use_quant_conv is false, which is not supported; supported: true"),
    Damage(
      "vae", "shift_factor", "0.1", "shift_factor is 0.1, which is not supported; supported: null"),
    Damage(
      "vae", "down_block_types", #"["DownEncoderBlock2D"]"#,
      #"down_block_types is ["DownEncoderBlock2D"], which is not supported; supported: one "#
        + "DownEncoderBlock2D for each of 2 levels"),
    Damage(
      "vae", "norm_num_groups", "0",
      "block_out_channels must be multiples of norm_num_groups 0, found [4, 8]"),
    Damage(
      "text_encoder", "hidden_act", #""relu""#,
      "hidden_act is relu, which is not supported; supported: quick_gelu, gelu, silu"),
    Damage(
      "text_encoder", "vocab_size", "514",
      "vocab_size must be the tokenizer's 528 or more, found 514"),
    Damage(
      "text_encoder", "max_position_embeddings", "7",
      "max_position_embeddings must be the tokenizer's 8 or more, found 7"),
  ]

  @Test(arguments: missing + options)
  func aFolderThatDoesNotFitIsRefusedByName(_ damage: Damage) throws {
    try withSavedModel { folder in
      try damage.apply(folder)
      let error = #expect(throws: ModelError.self) {
        try StableDiffusionModel(ModelFolder(path: folder.path))
      }
      #expect(error?.description == "\(folder.path)\(damage.text)")
    }
  }

  @Test func aTextEncoderOfAnotherWidthIsRefused() throws {
    try withSavedModel { folder in
      try withTemporaryFolder { other in
        try smallModel(textWidth: 12).save(to: other.path)
        let part = folder.appending(path: "text_encoder")
        try FileManager.default.removeItem(at: part)
        try FileManager.default.copyItem(at: other.appending(path: "text_encoder"), to: part)
      }
      let error = #expect(throws: ModelError.self) {
        try StableDiffusionModel(ModelFolder(path: folder.path))
      }
      #expect(
        error?.description
          == "\(folder.path)/unet/config.json: cross_attention_dim must be the text "
          + "encoder's hidden_size 12, found 8")
    }
  }

  static let weightFiles = [
    "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
  ]

  @Test(arguments: weightFiles, [0, 5, 100, -1])
  func aTruncatedWeightsFileIsNamed(file: String, length: Int) throws {
    try withSavedModel { folder in
      let url = folder.appending(path: file)
      let data = try Data(contentsOf: url)
      try data.prefix(length < 0 ? data.count + length : length).write(to: url)
      let error = #expect(throws: SafetensorsError.self) {
        try StableDiffusionModel(ModelFolder(path: folder.path))
      }
      #expect(error?.description.hasPrefix("\(url.path): ") == true)
    }
  }

  @Test func weightsOfAnotherArchitectureAreRefusedByTensor() throws {
    try withSavedModel { folder in
      try Damage("unet", "layers_per_block", "2", "").apply(folder)
      let file = folder.appending(path: Self.weightFiles[0]).path
      #expect(
        throws: NNError.missingTensor(
          name: "down_blocks.0.resnets.1.norm1.weight", expected: [8], source: file)
      ) { try StableDiffusionModel(ModelFolder(path: folder.path)) }
    }
    try withSavedModel { folder in
      try Damage("text_encoder", "num_hidden_layers", "1", "").apply(folder)
      let error = #expect(throws: NNError.self) {
        try StableDiffusionModel(ModelFolder(path: folder.path))
      }
      #expect(
        error?.description.hasPrefix(
          "\(folder.path)/text_encoder/model.safetensors: the model has no place for "
            + "text_model.encoder.layers.1.layer_norm1.bias [8], ") == true)
    }
  }

  @Test func aSchedulerThatClipsIsRefused() throws {
    try withSavedModel { folder in
      try Data(#"{"clip_sample": true}"#.utf8)
        .write(to: folder.appending(path: "scheduler/scheduler_config.json"))
      #expect(throws: (any Error).self) { try StableDiffusionModel(ModelFolder(path: folder.path)) }
    }
  }

  @Test func aFolderBelowAFileCannotBeWritten() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      let error = #expect(throws: ModelError.self) {
        try smallModel().save(to: "\(file.path)/model")
      }
      #expect(error?.description.hasPrefix("\(file.path)/model/") == true)
    }
  }

  private func withSavedModel(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try smallModel().save(to: folder.path)
      try body(folder)
    }
  }
}
