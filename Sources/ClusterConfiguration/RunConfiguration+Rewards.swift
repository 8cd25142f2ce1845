// Settings of a reward: units, ranges and which kind has which stand in `RewardSetting`; here are
// the names, types and defaults.

extension RunConfiguration {
  /// One term of the reward.
  public struct Reward: Sendable, Equatable {
    /// What a reward can be.
    public enum Kind: String, Choice {
      /// How much of the prompt an analysis of the pixels finds, in the embedded world.
      case sceneAlignment = "scene-alignment"
      /// Whether that is all of it: 1 or 0.
      case sceneCorrect = "scene-correct"
      /// How near a picture and its prompt are to a CLIP model.
      case clipScore = "clip-score"
      /// LAION's predictor of beauty.
      case aesthetic
      /// PickScore.
      case pickScore = "pickscore"
      /// Human preference score v2.
      case hpsv2
      /// Minus the size as a JPEG file.
      case jpegCompressibility = "jpeg-compressibility"
      /// The size as a JPEG file.
      case jpegIncompressibility = "jpeg-incompressibility"
      /// A module that torch.jit exported.
      case torchScript = "torchscript"
      /// What a program of the user's says.
      case command
      /// What a service says that is asked over HTTP.
      case http
    }

    /// How images go to a program.
    public enum ImageForm: String, Choice {
      /// As text in the request.
      case base64
      /// As the paths of files.
      case paths
    }

    /// The weight of a reward that states none.
    public static let defaultWeight = 1.0

    /// What it is called in metrics and messages.
    public var name: String
    /// What it is.
    public var kind: Kind
    /// What the raw reward is multiplied by; finite, negative to minimise.
    public var weight: Double
    /// The folder of a CLIP model in transformers' layout; never empty where it has one.
    public var model = ""
    /// The safetensors file of what stands on it; never empty where it has one.
    public var head = ""
    /// What a CLIP model computes in.
    public var dtype = Model.DType.float32
    /// The file of a TorchScript module; never empty where it is one.
    public var path = ""
    /// The program to ask, and its arguments; never empty where it is one.
    public var program: [String] = []
    /// How images go to it.
    public var images = ImageForm.base64
    /// The most images at once, in a request or through a network; at least 1.
    public var batchSize = 16
    /// Requests at the same time, on each rank; at least 1.
    public var parallel = 1
    /// Seconds for an answer; above 0.
    public var timeout = 60.0
    /// More of them for the first answer of a program; at least 0.
    public var startTimeout = 120.0
    /// Further attempts at a request that failed; at least 0.
    public var retries = 2
    /// Where a service is asked, distinct; never empty where it is one.
    public var urls: [String] = []
    /// What is written here tells a program or a service from what it was before.
    public var version: String?
    /// The most bytes of an answer; at least 1.
    public var maxResponseBytes = 1_000_000
    /// The environment variable with the value of the header `Authorization`; `nil`: none is sent.
    public var authorizationFrom: String?

    /// A term of the weighted sum, called as its kind is where no name is given.
    public init(_ kind: Kind, name: String? = nil, weight: Double = defaultWeight) {
      self.name = name ?? kind.rawValue
      self.kind = kind
      self.weight = weight
    }
  }

  /// How images are scored, whatever the rewards are.
  public struct Scoring: Sendable, Equatable {
    /// The part of an epoch's or an evaluation's images that may be without a score; in [0, 1).
    public var maxMissingFraction = 0.1
    /// Prompts, or batches of an evaluation, that a rank scores at the same time; at least 1.
    public var parallelPrompts = 2
    /// Whether scores of rewards that cost are kept in the run folder and used again.
    public var ledger = true
  }
}

extension RunConfiguration.Reward.Kind {
  /// What it measures, in a line.
  var explanation: String {
    switch self {
    case .sceneAlignment: "0 to 1: how much of the prompt an analysis of the pixels finds"
    case .sceneCorrect: "1 where that is all of the prompt, else 0"
    case .clipScore: "cosine of picture and prompt to a CLIP model"
    case .aesthetic: "LAION's rating of beauty, about 1 to 10, on CLIP's ViT-L/14"
    case .pickScore: "PickScore_v1, about .2; the paper's figures have this scale"
    case .hpsv2: "HPS v2 or v2.1, about .25, converted by scripts/convert_reward.py"
    case .jpegCompressibility: "minus the kilobytes of a JPEG file of quality 95, as in DDPO"
    case .jpegIncompressibility: "the kilobytes of a JPEG file of quality 95"
    case .torchScript: "what a module says that torch.jit exported: scripts/torchscript_reward.py"
    case .command: "what a program says, asked in JSON lines: see scripts/reward_example.py"
    case .http: "what a service says, asked with the same JSON over HTTP"
    }
  }

  /// What can be set of it, beside name and weight.
  var settings: [RewardSetting] { RewardSetting.all.filter { $0.kinds.contains(self) } }
}

extension RunConfiguration.Reward {
  /// Seconds from one attempt at an answer to the end of the next, the wait between them included, at
  /// most; `nil` where nobody else is asked.
  var longestAttempt: Double? {
    switch kind {
    case .command: Self.longestBackOff(retries: retries) + timeout + startTimeout
    case .http: Self.longestBackOff(retries: retries) + timeout
    default: nil
    }
  }

  /// Seconds that are waited before an attempt, at most: half a second before the second attempt, and
  /// twice as long before each further one.
  public static func longestBackOff(retries: Int) -> Double {
    retries == 0 ? 0 : min(30, 0.5 * Double(1 << min(retries - 1, 6)))
  }

  /// Tells this reward from others: its name, kind and the settings that scores depend on.
  public var identity: String {
    let settings = kind.settings.filter(\.tellsApart)
    return
      (["name: \(name.yaml)", "kind: \(kind.yaml)"]
      + settings.map { "\($0.name): \($0.yaml(self))" }).joined(separator: ", ")
  }
}
