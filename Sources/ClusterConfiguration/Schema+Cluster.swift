extension Schema {
  static let cluster = [
    ConfigurationKey(
      "cluster.slots", \.cluster.slots, .count, mayChangeOnResume: true,
      knownAs: [
        "ranks", "np", "nproc", "nproc_per_node", "processes", "num_processes", "num_gpus",
        "world_size",
      ],
      "ranks that prdp launch starts on this machine, where no hosts are named"),
    ConfigurationKey(
      "cluster.threadsPerRank", \.cluster.threadsPerRank, .countOrNone, mayChangeOnResume: true,
      knownAs: ["threads", "num_threads", "omp_num_threads"],
      "threads of each rank; 0 divides the machine's cores among its ranks"),
    ConfigurationKey(
      "cluster.device", \.cluster.device, .choice, mayChangeOnResume: true,
      knownAs: ["accelerator"],
      "what the ranks compute on; with cuda each takes the GPU of its local rank"),
    ConfigurationKey(
      "cluster.timeLimit", \.cluster.timeLimit, .orNull(.seconds(atMost: 1e9)), unit: "seconds",
      mayChangeOnResume: true, knownAs: ["max_time", "time_limit", "walltime"],
      "wall time of a start of the run, which saves and stops before it; null for none"),
    ConfigurationKey(
      "cluster.hosts", \.cluster.hosts, .hosts, mayChangeOnResume: true,
      knownAs: ["nodes", "machines"],
      "the machines of a launch, reached by ssh, with their ranks; [] for this one alone"),
    ConfigurationKey(
      "cluster.network", \.cluster.network, .orNull(.network), mayChangeOnResume: true,
      knownAs: ["interface", "nccl_socket_ifname", "gloo_socket_ifname"],
      "what the hosts talk over; null leaves the choice to Open MPI"),
    ConfigurationKey(
      "cluster.environment", \.cluster.environment, .variableNames, mayChangeOnResume: true,
      knownAs: ["env", "env_vars"],
      "environment variables whose values here the ranks on other hosts get too"),
    ConfigurationKey(
      "cluster.mca", \.cluster.mca, .mcaSettings, mayChangeOnResume: true,
      knownAs: ["mca_params", "mpi_flags"], "further settings of Open MPI, by name"),
    ConfigurationKey(
      "cluster.restarts", \.cluster.restarts, .countOrNone, mayChangeOnResume: true,
      knownAs: ["max_restarts"],
      "restarts in a row without a newly committed step before a launch gives up"),
    ConfigurationKey(
      "cluster.restartDelay", \.cluster.restartDelay, .countOrNone, unit: "seconds",
      mayChangeOnResume: true, knownAs: ["backoff"],
      "wait before a restart, doubled for each in a row, 300 s at most"),
    ConfigurationKey(
      "cluster.fewerRanks", \.cluster.fewerRanks, .truth, mayChangeOnResume: true,
      knownAs: ["elastic"],
      "leave a host out that failed twice, where others remain, rather than give up"),
    ConfigurationKey(
      "cluster.gracePeriod", \.cluster.gracePeriod, .countOrNone, unit: "seconds",
      mayChangeOnResume: true, knownAs: ["grace_time", "preemption_grace"],
      "what a run that is told to stop has for saving; then it is ended"),
    ConfigurationKey(
      // A rank gives a sign of life each second, and one or two may be lost or late.
      "cluster.heartbeatLimit", \.cluster.heartbeatLimit, .integer(3...Rule.countLimit),
      unit: "seconds", mayChangeOnResume: true, knownAs: ["heartbeat_timeout", "heartbeat"],
      "without a sign of life for so long a rank counts as lost: the run is restarted"),
    ConfigurationKey(
      "cluster.startLimit", \.cluster.startLimit, .count, unit: "seconds",
      mayChangeOnResume: true, knownAs: ["start_timeout", "rendezvous_timeout"],
      "within it all ranks must give their first sign of life"),
    ConfigurationKey(
      "cluster.stallLimit", \.cluster.stallLimit, .count, unit: "seconds",
      mayChangeOnResume: true, knownAs: ["timeout", "nccl_timeout", "ddp_timeout"],
      "a rank that is longer in one operation ends itself, and the run is restarted"),
    ConfigurationKey(
      "cluster.compareEverySteps", \.cluster.compareEverySteps, .countOrNone,
      unit: "optimiser steps", mayChangeOnResume: true,
      "steps between comparisons of all ranks' weights, apart from those at a save"),
  ]
}
