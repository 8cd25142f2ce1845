import ArgumentParser
import Training

struct Pretrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes the packaged model from nothing but rendered scenes.",
    discussion: """
      Trains an autoencoder, then text encoder and UNet, on scenes that are drawn as they are \
      needed. A stopped run goes on from its newest checkpoint.

      EXAMPLES
        prdp pretrain --output runs/pretrain
        mpirun -np 2 prdp pretrain --output runs/b --denoiser-batch 128
        prdp pretrain --output runs/pretrain --device cuda
      """)

  @Option(
    help: "The run folder: log, samples, checkpoints, and in the end the model.",
    completion: .directory)
  var output: String

  @Option(help: "Decides the first weights and every sample.")
  var seed: UInt64 = PretrainingConfiguration().seed

  @Option(help: "Steps of the autoencoder, which comes first.")
  var autoencoderSteps = PretrainingConfiguration().autoencoderSteps

  @Option(help: "Steps of text encoder and UNet together.")
  var denoiserSteps = PretrainingConfiguration().denoiserSteps

  @Option(name: .customLong("autoencoder-batch"), help: "Scenes a step of the autoencoder.")
  var autoencoderBatchCount = PretrainingConfiguration().autoencoderBatchCount

  @Option(name: .customLong("denoiser-batch"), help: "Scenes a step of text encoder and UNet.")
  var denoiserBatchCount = PretrainingConfiguration().denoiserBatchCount

  @Option(help: "The highest learning rate of either stage.")
  var learningRate = PretrainingConfiguration().learningRate

  @Option(parsing: .upToNextOption, help: "Channels of the UNet's levels.")
  var unetChannels = PretrainingConfiguration().unetChannels

  @Option(parsing: .upToNextOption, help: "Channels of the autoencoder's levels.")
  var autoencoderChannels = PretrainingConfiguration().autoencoderChannels

  @Option(help: "Features of the text encoder.")
  var textWidth = PretrainingConfiguration().textWidth

  @Option(help: "Layers of the text encoder.")
  var textLayers = PretrainingConfiguration().textLayerCount

  @Option(help: "Steps between checkpoints, reports and grids of samples.")
  var reportInterval = PretrainingConfiguration().reportInterval

  @Option(help: "What the ranks compute on.")
  var device: DeviceKind = .cpu

  @Option(help: "Threads of the tensor library in a rank; 0 shares the machine's cores.")
  var threads = 0

  func run() throws {
    var configuration = PretrainingConfiguration()
    configuration.seed = seed
    configuration.autoencoderSteps = autoencoderSteps
    configuration.denoiserSteps = denoiserSteps
    configuration.autoencoderBatchCount = autoencoderBatchCount
    configuration.denoiserBatchCount = denoiserBatchCount
    configuration.learningRate = learningRate
    configuration.unetChannels = unetChannels
    configuration.autoencoderChannels = autoencoderChannels
    configuration.textWidth = textWidth
    configuration.textLayerCount = textLayers
    configuration.reportInterval = reportInterval
    let settings = configuration
    try withRanks { world in
      let device = try prepareDevice(
        device, threadsPerRank: threads, dtype: .float32, communicator: world)
      try Pretraining(
        settings, folder: output, communicator: world, device: device, report: say
      ).run()
    }
  }
}

extension DeviceKind: ExpressibleByArgument {}
