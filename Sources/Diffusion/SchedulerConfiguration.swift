import Foundation

/// How the betas run over the training timesteps, by diffusers' names.
public enum BetaSchedule: String, Sendable, Codable, CaseIterable {
  /// Betas evenly spaced from start to end.
  case linear
  /// Square roots of the betas evenly spaced: Stable Diffusion's.
  case scaledLinear = "scaled_linear"
  /// The cosine schedule, with betas capped at 0.999; start and end are not used.
  case squaredCosine = "squaredcos_cap_v2"
}

/// What the network predicts, by diffusers' names.
public enum PredictionType: String, Sendable, Codable, CaseIterable {
  /// The noise in x_t.
  case epsilon
  /// The velocity, sqrt(alphabar_t) noise - sqrt(1 - alphabar_t) x_0.
  case velocity = "v_prediction"
}

/// The schedulers whose steps are taken, by diffusers' names of their classes.
public enum SchedulerKind: String, Sendable, Codable, CaseIterable {
  /// A share eta of the posterior's noise. Also taken where a file names any other class: Stable
  /// Diffusion's own, such as PNDMScheduler, draw no noise and so give nothing to learn from.
  case ddim = "DDIMScheduler"
  /// DDIM at eta = 1, but for steps that end at the next timestep and at last without noise.
  case ddpm = "DDPMScheduler"
  /// DDPM's steps between noise levels that are interpolated between the timesteps'.
  case eulerAncestral = "EulerAncestralDiscreteScheduler"
}

/// The part of diffusers' `scheduler_config.json` that decides noise, timesteps and steps.
///
/// A key that a file leaves out has the default of its scheduler, and of DDIMScheduler where the
/// scheduler is none of ``SchedulerKind``, as `DDIMScheduler.from_config` has it.
///
/// - Source: diffusers 0.42.1, schedulers/scheduling_ddim.py, scheduling_ddpm.py and
///   scheduling_euler_ancestral_discrete.py.
public struct SchedulerConfiguration: Sendable, Equatable {
  /// Whose steps are taken (`_class_name`).
  public var kind: SchedulerKind
  /// Timesteps the network was trained on, 1 or more (`num_train_timesteps`).
  public var trainTimestepCount: Int
  /// First beta, in (0, 1) (`beta_start`).
  public var betaStart: Double
  /// Last beta, in (0, 1) (`beta_end`).
  public var betaEnd: Double
  /// The run of the betas between the two (`beta_schedule`).
  public var betaSchedule: BetaSchedule
  /// The betas one by one, in place of the three values above (`trained_betas`).
  public var trainedBetas: [Double]?
  /// What the network predicts (`prediction_type`).
  public var predictionType: PredictionType
  /// How the sampling timesteps spread over the training timesteps (`timestep_spacing`).
  public var timestepSpacing: TimestepSpacing
  /// Added to every timestep of `leading` spacing, 0 or more (`steps_offset`).
  public var stepsOffset: Int
  /// Whether the last step ends at alphabar = 1, which leaves it without noise, rather than at the
  /// first training timestep's (`set_alpha_to_one`).
  ///
  /// The steps of DDPMScheduler and EulerAncestralDiscreteScheduler always do.
  public var setAlphaToOne: Bool
  /// Whether the betas are changed so that nothing of the signal is left at the last training
  /// timestep (`rescale_betas_zero_snr`); for networks that predict velocity.
  public var rescalesToZeroSNR: Bool

  /// Stable Diffusion 1.x's schedule, any value of which can be changed.
  public init(
    kind: SchedulerKind = .ddim,
    trainTimestepCount: Int = 1000,
    betaStart: Double = 0.00085,
    betaEnd: Double = 0.012,
    betaSchedule: BetaSchedule = .scaledLinear,
    trainedBetas: [Double]? = nil,
    predictionType: PredictionType = .epsilon,
    timestepSpacing: TimestepSpacing = .leading,
    stepsOffset: Int = 1,
    setAlphaToOne: Bool = false,
    rescalesToZeroSNR: Bool = false
  ) {
    self.kind = kind
    self.trainTimestepCount = trainTimestepCount
    self.betaStart = betaStart
    self.betaEnd = betaEnd
    self.betaSchedule = betaSchedule
    self.trainedBetas = trainedBetas
    self.predictionType = predictionType
    self.timestepSpacing = timestepSpacing
    self.stepsOffset = stepsOffset
    self.setAlphaToOne = setAlphaToOne
    self.rescalesToZeroSNR = rescalesToZeroSNR
  }

  /// Reads the contents of a `scheduler_config.json`, whichever scheduler class wrote it.
  ///
  /// - Throws: `DiffusionError` for text that is no such file, and for sample clipping and
  ///   thresholding, with which a step is no longer linear in the prediction.
  public init(json: Data) throws(DiffusionError) {
    do {
      self = try JSONDecoder().decode(SchedulerConfiguration.self, from: json)
    } catch let error as DiffusionError {
      throw error
    } catch {
      throw .malformedFile(reason: Self.reason(of: error))
    }
  }

  /// The contents of a `scheduler_config.json` that diffusers loads.
  ///
  /// - Throws: `DiffusionError` if a value is not finite, which JSON cannot hold.
  public func json() throws(DiffusionError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return try encoder.encode(self)
    } catch {
      throw .malformedFile(reason: Self.reason(of: error))
    }
  }

  private static func reason(of error: any Error) -> String {
    switch error {
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    default:
      return "\(error)"
    }
  }
}

extension SchedulerConfiguration: Codable {
  private enum CodingKeys: String, CodingKey {
    case className = "_class_name"
    case trainTimestepCount = "num_train_timesteps"
    case betaStart = "beta_start"
    case betaEnd = "beta_end"
    case betaSchedule = "beta_schedule"
    case trainedBetas = "trained_betas"
    case predictionType = "prediction_type"
    case timestepSpacing = "timestep_spacing"
    case stepsOffset = "steps_offset"
    case setAlphaToOne = "set_alpha_to_one"
    case clipSample = "clip_sample"
    case thresholding
    case rescaleBetasZeroSNR = "rescale_betas_zero_snr"
    case varianceType = "variance_type"
  }

  /// Decodes the keys of a `scheduler_config.json`; keys of no use here are passed over.
  public init(from decoder: any Decoder) throws {
    let file = try decoder.container(keyedBy: CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys, or missing: T) throws -> T {
      try file.decodeIfPresent(T.self, forKey: key) ?? missing
    }
    let className = try value(.className, or: SchedulerKind.ddim.rawValue)
    let kind = SchedulerKind(rawValue: className) ?? .ddim
    // DDIM and DDPM take true for a missing `clip_sample`, so only a file that says false will do;
    // others know no such thing.
    let clipsSample = [SchedulerKind.ddim, .ddpm].map(\.rawValue).contains(className)
    for (key, missing, advice) in [
      (
        CodingKeys.clipSample, clipsSample,
        "clipping x_0 breaks the step's log-probability; set it false"
      ),
      (.thresholding, false, "it breaks the step's log-probability; set it false"),
    ] where try value(key, or: missing) {
      throw DiffusionError.unsupported(name: key.rawValue, value: "true", advice: advice)
    }
    let variance = try value(.varianceType, or: Self.varianceType)
    guard kind != .ddpm || variance == Self.varianceType else {
      throw DiffusionError.unsupported(
        name: CodingKeys.varianceType.rawValue, value: variance, advice: "use \(Self.varianceType)")
    }
    self.init(
      kind: kind,
      trainTimestepCount: try value(.trainTimestepCount, or: 1000),
      betaStart: try value(.betaStart, or: 0.0001),
      betaEnd: try value(.betaEnd, or: 0.02),
      betaSchedule: try Self.named(value(.betaSchedule, or: "linear"), .betaSchedule),
      trainedBetas: try file.decodeIfPresent([Double].self, forKey: .trainedBetas),
      predictionType: try Self.named(value(.predictionType, or: "epsilon"), .predictionType),
      timestepSpacing: try Self.named(
        value(.timestepSpacing, or: kind == .eulerAncestral ? "linspace" : "leading"),
        .timestepSpacing),
      stepsOffset: try value(.stepsOffset, or: 0),
      setAlphaToOne: try value(.setAlphaToOne, or: true),
      rescalesToZeroSNR: try value(.rescaleBetasZeroSNR, or: false))
  }

  /// Encodes every key, so that no reader falls back on a default of its own.
  public func encode(to encoder: any Encoder) throws {
    var file = encoder.container(keyedBy: CodingKeys.self)
    try file.encode(kind, forKey: .className)
    try file.encode(trainTimestepCount, forKey: .trainTimestepCount)
    try file.encode(betaStart, forKey: .betaStart)
    try file.encode(betaEnd, forKey: .betaEnd)
    try file.encode(betaSchedule, forKey: .betaSchedule)
    try file.encode(trainedBetas, forKey: .trainedBetas)
    try file.encode(predictionType, forKey: .predictionType)
    try file.encode(timestepSpacing, forKey: .timestepSpacing)
    try file.encode(stepsOffset, forKey: .stepsOffset)
    try file.encode(setAlphaToOne, forKey: .setAlphaToOne)
    try file.encode(false, forKey: .clipSample)
    try file.encode(false, forKey: .thresholding)
    try file.encode(rescalesToZeroSNR, forKey: .rescaleBetasZeroSNR)
    if kind == .ddpm { try file.encode(Self.varianceType, forKey: .varianceType) }
  }

  /// The posterior's variance, the only one that DDIM's steps at eta = 1 share.
  private static let varianceType = "fixed_small"

  private static func named<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ key: CodingKeys
  ) throws(DiffusionError) -> Choice where Choice.RawValue == String {
    guard let choice = Choice(rawValue: name) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .unsupported(name: key.rawValue, value: name, advice: "use one of \(known)")
    }
    return choice
  }
}
