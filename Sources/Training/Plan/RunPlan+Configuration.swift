import ClusterConfiguration
import Planning
import StableDiffusion
import Torch
import TorchNN

extension RunPlan {
  /// The plan of a configured run, counted from the headers of its model's files.
  ///
  /// - Parameter slotsPerHost: Ranks that fit on a host.
  /// - Throws: What the model's files or a target of the adapters have wrong.
  public init(_ configuration: RunConfiguration, slotsPerHost: Int) throws {
    let model = configuration.model
    let outline = try ModelOutline(ModelFolder(path: model.path, variant: model.variant))
    let dtype = DType(named: model.dtype)
    var footprint = ModelFootprint(
      weightByteCount: outline.weightByteCount(dtype: dtype),
      trainedElementCount: outline.elementCounts[.unet] ?? 0, trainsAdapters: false,
      keepsAverage: configuration.optimizer.averageDecay != nil)
    if let lora = LoRAConfiguration(model) {
      footprint.trainsAdapters = true
      footprint.trainedElementCount = try outline.adapterElementCount(lora)
    } else {
      // The reference is a copy.
      footprint.weightByteCount += footprint.trainedByteCount
    }
    let (method, sampler) = (configuration.method, configuration.sampler)
    self.init(
      Workload(
        promptsPerEpoch: method.promptsPerEpoch, imagesPerPrompt: method.imagesPerPrompt,
        samplingSteps: sampler.steps, trainedSteps: sampler.steps - method.omitLastSteps,
        innerSteps: method.innerSteps, microBatch: method.microBatch,
        latentElementCount: outline.latentShape.reduce(1, *),
        contextByteCount: outline.contextShape.reduce(dtype.byteCount, *)),
      footprint,
      GradientExchange(
        elementCount: footprint.trainedElementCount,
        elementByteCount: configuration.optimizer.gradientType.byteCount,
        bucketElementCount: configuration.optimizer.bucketElementCount,
        isSharded: configuration.optimizer.sharded),
      slotsPerHost: slotsPerHost, keptCheckpointCount: configuration.checkpoint.keep)
  }
}

extension RunConfiguration.Optimizer {
  /// The most elements of a bucket, unless one parameter alone has more.
  var bucketElementCount: Int {
    max(1, Int(bucketMegabytes * 1e6) / MemoryLayout<Double>.size)
  }
}

extension RunConfiguration.Optimizer.GradientType {
  fileprivate var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .bfloat16: 2
    }
  }
}
