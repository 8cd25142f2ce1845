extension RunConfiguration {
  /// The processes, what they compute on, and how a launch starts and watches them.
  public struct Cluster: Sendable, Equatable {
    /// What the tensors of a rank lie on.
    public enum Device: String, Choice {
      /// The processor's memory.
      case cpu
      /// An NVIDIA GPU, by local rank.
      case cuda
    }

    /// A machine that ranks are started on.
    public struct Host: Sendable, Equatable {
      /// The slots of a host that states none.
      public static let defaultSlots = 1

      /// The name or address that ssh reaches it by.
      public var name: String
      /// Ranks that are started there; at least 1.
      public var slots: Int

      /// A machine with room for some ranks.
      public init(name: String, slots: Int = defaultSlots) {
        self.name = name
        self.slots = slots
      }
    }

    /// A setting of Open MPI: `--mca name value`.
    public struct MCASetting: Sendable, Equatable {
      /// The name of the MCA parameter.
      public var name: String
      /// Its value, of characters that no shell reads anything into.
      public var value: String

      /// A value for an MCA parameter.
      public init(name: String, value: String) {
        self.name = name
        self.value = value
      }
    }

    /// Ranks that a launch starts on this machine where no host is named; at least 1.
    public var slots = 2
    /// Threads of the tensor library in a rank; 0 shares the machine's cores among its ranks.
    public var threadsPerRank = 1
    /// What the tensors lie on.
    public var device = Device.cpu
    /// Seconds from the program's start within which the run saves and stops; above 0, `nil`: none.
    public var timeLimit: Double?
    /// The machines of a launch, names distinct; none: this machine alone.
    public var hosts: [Host] = []
    /// The interface that the hosts talk over, by name or as IPv4 in CIDR form; `nil`: any.
    public var network: String?
    /// Names of environment variables that the ranks get from the launcher.
    public var environment: [String] = []
    /// Further settings of Open MPI, names distinct.
    public var mca: [MCASetting] = []
    /// Starts in a row without a newly committed step before a launch gives up; at least 0.
    public var restarts = 3
    /// Seconds before the first restart, doubled at each further one in a row; at least 0.
    public var restartDelay = 10
    /// Whether a host that failed twice is left out, as long as others remain.
    public var fewerRanks = true
    /// Seconds in which a run that is told to stop may save; at least 0.
    public var gracePeriod = 300
    /// Seconds without a heartbeat after which a rank counts as lost; at least 3.
    public var heartbeatLimit = 20
    /// Seconds within which all ranks give their first heartbeat; at least 1.
    public var startLimit = 120
    /// Seconds in one operation after which a rank ends itself; at least 1.
    public var stallLimit = 600
    /// Optimiser steps between comparisons of all ranks' weights; 0 for none but before a save.
    public var compareEverySteps = 50

    /// Ranks that a launch starts: those of the hosts, or `slots` where none is named.
    public var rankCount: Int { hosts.isEmpty ? slots : hosts.reduce(0) { $0 + $1.slots } }
  }
}
