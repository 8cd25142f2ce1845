import Foundation
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct SavedFolderTests {
  static let prompt = "a small RED circle, a starlight!"

  @Test func aModelThatWasSavedAndLoadedIsTheSameBitForBit() throws {
    try withTemporaryFolder { folder in
      let model = try smallModel()
      try model.save(to: folder.path)
      let loaded = try StableDiffusionModel(ModelFolder(path: folder.path))
      #expect(loaded.unet.configuration == model.unet.configuration)
      #expect(loaded.autoencoder.configuration == model.autoencoder.configuration)
      #expect(
        loaded.textEncoders[0].model.configuration
          == model.textEncoders[0].model.configuration)
      #expect(loaded.scheduler == model.scheduler)
      let expected = try model.outputs(prompt: Self.prompt)
      for (found, expected) in zip(try loaded.outputs(prompt: Self.prompt), expected) {
        #expect(
          try found.tensor.values(as: Double.self) == expected.tensor.values(), "\(expected.name)")
      }
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func aModelOfDiffusersIsStillItselfAfterWeSavedIt(_ name: GoldenModel) throws {
    try withTemporaryFolder { folder in
      let model = try name.load()
      try model.save(to: folder.path)
      let loaded = try StableDiffusionModel(ModelFolder(path: folder.path))
      let expected = try model.outputs(prompt: Self.prompt)
      for (found, expected) in zip(try loaded.outputs(prompt: Self.prompt), expected) {
        #expect(
          try found.tensor.values(as: Double.self) == expected.tensor.values(), "\(expected.name)")
      }
    }
  }

  @Test(.enabled(if: Python.hasDiffusers, "needs diffusers in .venv: scripts/setup --golden"))
  func diffusersLoadsWhatWeSavedAndGetsTheSameOutputs() throws {
    try withTemporaryFolder { folder in
      for (part, model) in [
        ("new", try smallModel()), ("old", try GoldenModel.threeLevels.load()),
        ("xl", try GoldenModel.twoEncoders.load()),
      ] {
        let place = folder.appending(path: part)
        let outputs = folder.appending(path: "\(part).safetensors")
        try model.save(to: place.path)
        try model.outputs(prompt: Self.prompt)
          .map { Parameter(name: $0.name, tensor: $0.tensor) }.write(to: outputs)
      }
      let end = try Python.run(
        script: "scripts/golden/check_folder.py",
        ["new", "old", "xl"].flatMap { part in
          let place = folder.appending(path: part).path
          return [place, Self.prompt, "\(place).safetensors"]
        })
      #expect(end.exitCode == 0, "\(end.output)")
    }
  }
}
