// swift-tools-version: 6.2
import PackageDescription

/// A folder with libtorch's `include/` and `lib/`; `scripts/setup` makes the link `.libtorch`.
let libtorch = Context.environment["LIBTORCH"] ?? "\(Context.packageDirectory)/.libtorch"

let package = Package(
  name: "swift-prdp",
  products: [
    .executable(name: "prdp", targets: ["PRDPCommand"]),
    .library(name: "Torch", targets: ["Torch", "TorchNN"]),
    .library(name: "MPI", targets: ["MPI"]),
    .library(name: "Safetensors", targets: ["Safetensors"]),
    .library(name: "Diffusion", targets: ["Diffusion"]),
    .library(name: "StableDiffusion", targets: ["CLIP", "StableDiffusion"]),
    .library(name: "PRDP", targets: ["PRDP"]),
    .library(name: "Rewards", targets: ["Images", "Rewards"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
  ],
  targets: [
    // Tensors.
    .target(
      name: "CTorch",
      cxxSettings: [
        .unsafeFlags([
          "-isystem", "\(libtorch)/include",
          "-isystem", "\(libtorch)/include/torch/csrc/api/include",
          // In debug builds too: it has loops over all elements of a tensor.
          "-O2",
        ])
      ],
      linkerSettings: [
        .unsafeFlags(["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib"]),
        .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
      ]),
    .target(name: "Torch", dependencies: ["CTorch"]),
    .target(name: "Safetensors"),
    .target(name: "TorchNN", dependencies: ["Torch", "Safetensors"]),

    // Processes.
    .systemLibrary(name: "CMPI", pkgConfig: "mpi-c", providers: [.apt(["libopenmpi-dev"])]),
    .target(name: "MPI", dependencies: ["CMPI"]),

    // Models and the method.
    .target(name: "Diffusion", dependencies: ["Torch"]),
    .target(name: "CLIP", dependencies: ["Images", "Safetensors", "Torch", "TorchNN"]),
    .target(
      name: "StableDiffusion",
      dependencies: ["CLIP", "Diffusion", "Safetensors", "Torch", "TorchNN"]),
    .target(name: "PRDP", dependencies: ["Diffusion"]),

    // Pictures and what they are worth.
    .systemLibrary(
      name: "CImageCodecs", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev", "libturbojpeg0-dev"])]),
    .target(name: "Images", dependencies: ["CImageCodecs"]),
    .target(name: "Processes"),
    .target(
      name: "Rewards",
      dependencies: ["CLIP", "Images", "Processes", "Safetensors", "Torch", "TorchNN"]),
    .target(name: "Scenes", dependencies: ["Images", "Rewards"], exclude: ["Resources"]),

    // Seeing a run.
    .target(name: "TensorBoard"),
    .target(name: "Reporting"),

    // The run.
    .target(name: "ClusterConfiguration", dependencies: ["Yams"]),
    .target(name: "Supervision", dependencies: ["ClusterConfiguration", "Processes"]),
    .target(name: "Planning"),
    .target(
      name: "Diagnosis",
      dependencies: [
        "MPI", "Planning", "Processes", .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "Training",
      dependencies: [
        "CLIP", "ClusterConfiguration", "Diffusion", "Images", "MPI", "PRDP", "Planning", "Rewards",
        "Safetensors", "Scenes", "StableDiffusion", "TensorBoard", "Torch", "TorchNN",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .executableTarget(
      name: "PRDPCommand",
      dependencies: [
        "CLIP", "ClusterConfiguration", "Diagnosis", "Diffusion", "Images", "MPI", "PRDP",
        "Planning", "Processes", "Reporting", "Scenes", "StableDiffusion", "Supervision", "Torch",
        "Training",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Tests.
    .target(name: "RankChecks", dependencies: ["MPI"], path: "Tests/RankChecks"),
    .executableTarget(
      name: "MPIRankTests", dependencies: ["MPI", "RankChecks"], path: "Tests/MPIRankTests"),
    .executableTarget(
      name: "TrainingRankTests",
      dependencies: [
        "ClusterConfiguration", "Diffusion", "Images", "MPI", "RankChecks", "Rewards",
        "StableDiffusion", "TensorBoard", "Torch", "TorchNN", "Training",
      ], path: "Tests/TrainingRankTests"),
    .target(
      name: "TestSupport", dependencies: ["Images", "Safetensors", "Torch", "TorchNN"],
      path: "Tests/TestSupport"),
    .testTarget(name: "TorchTests", dependencies: ["TestSupport", "Torch"]),
    .testTarget(
      name: "TorchNNTests", dependencies: ["Safetensors", "TestSupport", "Torch", "TorchNN"]),
    .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors"]),
    .testTarget(name: "MPITests", dependencies: ["CMPI", "MPI", "MPIRankTests", "TestSupport"]),
    .testTarget(name: "DiffusionTests", dependencies: ["Diffusion"]),
    .testTarget(
      name: "CLIPTests",
      dependencies: ["CLIP", "Images", "Safetensors", "TestSupport", "Torch", "TorchNN"]),
    .testTarget(
      name: "StableDiffusionTests",
      dependencies: [
        "CLIP", "Diffusion", "Safetensors", "StableDiffusion", "TestSupport", "Torch", "TorchNN",
      ]),
    .testTarget(name: "PRDPTests", dependencies: ["Diffusion", "PRDP"]),
    .testTarget(name: "ImagesTests", dependencies: ["Images", "TestSupport", "Torch"]),
    .testTarget(
      name: "RewardsTests",
      dependencies: ["CLIP", "Images", "Rewards", "TestSupport", "Torch", "TorchNN"]),
    .testTarget(name: "ScenesTests", dependencies: ["Images", "Scenes"]),
    .testTarget(name: "TensorBoardTests", dependencies: ["TensorBoard", "TestSupport"]),
    .testTarget(name: "ReportingTests", dependencies: ["Reporting", "TestSupport"]),
    .testTarget(
      name: "ClusterConfigurationTests", dependencies: ["ClusterConfiguration", "Yams"]),
    .testTarget(name: "PlanningTests", dependencies: ["Planning"]),
    .testTarget(name: "DiagnosisTests", dependencies: ["Diagnosis", "Processes"]),
    .testTarget(name: "ProcessesTests", dependencies: ["Processes"]),
    .executableTarget(
      name: "HeartbeatRank", dependencies: ["Supervision"], path: "Tests/HeartbeatRank"),
    .testTarget(
      name: "SupervisionTests",
      dependencies: [
        "ClusterConfiguration", "HeartbeatRank", "Processes", "Supervision", "TestSupport",
      ]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "CLIP", "ClusterConfiguration", "Diffusion", "Images", "MPI", "PRDP", "Planning", "Rewards",
        "Scenes", "StableDiffusion", "TensorBoard", "TestSupport", "Torch", "TorchNN", "Training",
      ]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
