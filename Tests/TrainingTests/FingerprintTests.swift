import ClusterConfiguration
import Foundation
import StableDiffusion
import Testing

@testable import Training

/// What is compared between ranks of the files that a configuration names.
struct FingerprintTests {
  @Test func aModelsSettingsAreNotItsWeights() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/model"
      try FileManager.default.copyItem(atPath: RunConfiguration().model.path, toPath: path)
      let model = ModelFolder(path: path)
      let files = try model.settingFiles()
      for file in [
        "model_index.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt",
        "tokenizer/vocab.json", "unet/config.json", "vae/config.json",
      ] { #expect(files.contains(file)) }
      let weights = try model.weightsSHA256()
      var settings: Set = [try model.settingsSHA256()]
      for file in files {
        try write(contents(of: "\(path)/\(file)") + [UInt8(ascii: "\n")], to: "\(path)/\(file)")
        settings.insert(try model.settingsSHA256())
      }
      #expect(settings.count == files.count + 1)
      #expect(try model.weightsSHA256() == weights)
    }
  }

  @Test func theFilesOfARewardAreThoseThatItNames() throws {
    try withScratchFolder { folder in
      var reward = RunConfiguration.Reward(.aesthetic)
      (reward.model, reward.head) = ("\(folder)/clip", "\(folder)/head.safetensors")
      try DiskOperations().createFolder(reward.model)
      let files = ["clip/config.json", "clip/merges.txt", "clip/model.safetensors"]
      for name in files + ["head.safetensors"] { try write("1".utf8, to: "\(folder)/\(name)") }
      var found: Set = [try reward.filesSHA256()]
      for name in files + ["head.safetensors"] {
        try write("2".utf8, to: "\(folder)/\(name)")
        found.insert(try reward.filesSHA256())
      }
      #expect(found.count == 5)
      // This one nobody reads.
      try write("3".utf8, to: "\(reward.model)/pytorch_model.bin")
      #expect(found.contains(try reward.filesSHA256()))
      #expect(
        try RunConfiguration.Reward(.sceneAlignment).filesSHA256()
          == RunConfiguration.Reward(.clipScore).filesSHA256())
    }
  }
}
