import MPI
import RankChecks
import Torch
import TorchNN

@testable import Training

/// Parameters of uneven sizes, one of them larger than a small bucket, whose gradient on each rank
/// is known.
private struct Example {
  let gradient: FlatGradient
  private let factors: [Tensor]

  init(rank: Int, step: Int = 0) throws {
    let parameters = try [[3], [2, 5], [], [40], [7]].enumerated().map { index, shape in
      let tensor = try Tensor.randn(seed: UInt64(index), shape: shape)
      try tensor.setRequiresGradient(true)
      return Parameter(name: "p\(index)", tensor: tensor)
    }
    gradient = try FlatGradient(parameters)
    factors = try parameters.enumerated().map { index, parameter in
      try Tensor.randn(
        seed: UInt64(1000 * (step + 1) + 10 * rank + index), shape: parameter.tensor.shape)
    }
  }

  /// Leaves the factors at the parameters as their gradients.
  func backward() throws {
    for (parameter, factor) in zip(gradient.parameters, factors) {
      try (parameter.tensor * factor).backward()
    }
  }

  /// The factors one after another.
  func values() throws -> [Double] { try factors.flatMap { try $0.values(as: Double.self) } }

  func averager(
    _ world: Communicator, elementLimit: Int = 12, _ wireType: GradientAverager.WireType = .float64
  ) throws -> GradientAverager {
    try GradientAverager(
      gradient,
      GradientBucket.buckets(
        of: gradient.ranges, elementLimit: elementLimit, rankCount: world.size,
        keepsParametersWhole: false), over: world, wireType: wireType)
  }
}

let averagingChecks = [
  RankCheck("theSumIsThatInRankOrderWhateverTheBuckets") { world, findings in
    for elementLimit in [1, 12, 1000] {
      for isOverlapped in [true, false] {
        let example = try Example(rank: world.rank)
        let averager = try example.averager(world, elementLimit: elementLimit)
        // Two gradients in turn: the first leaves nothing behind.
        for _ in 0..<2 {
          try example.gradient.reset()
          if isOverlapped {
            try averager.overlap(scale: 0.3) { try example.backward() }
          } else {
            try example.backward()
          }
          try averager.addUp(scale: 0.3)
          try averager.finish()
        }
        var expected = try example.values().map { $0 * 0.3 }
        try world.orderedSum(&expected)
        findings.expect(
          try example.gradient.sum.values(), equals: expected,
          "buckets of \(elementLimit), overlapped \(isOverlapped)")
      }
    }
  },
  RankCheck("aRankThatGivesUpLeavesNobodyWaiting") { world, findings in
    let example = try Example(rank: world.rank)
    let averager = try example.averager(world)
    try example.backward()
    try world.rank == world.size - 1 ? averager.giveUp() : averager.addUp(scale: 1)
    try averager.finish()
    // The next one is whole again.
    try example.gradient.reset()
    try example.backward()
    try averager.addUp(scale: 1)
    try averager.finish()
    var expected = try example.values()
    try world.orderedSum(&expected)
    findings.expect(try example.gradient.sum.values(), equals: expected, "the next sum")
  },
  RankCheck("sixteenBitsLoseNothingInTheLongRun") { world, findings in
    let example = try Example(rank: world.rank)
    for (wireType, single, together) in [
      (GradientAverager.WireType.float32, 1e-6, 1e-6), (.bfloat16, 0.03, 3e-4),
    ] {
      let averager = try example.averager(world, wireType)
      var expected = try example.values()
      try world.orderedSum(&expected)
      let size = expected.map(abs).max() ?? 0
      func error(_ total: [Double], of count: Double) -> Double {
        zip(total, expected).map { abs($0 / count - $1) }.max().map { $0 / size } ?? 0
      }
      var total = [Double](repeating: 0, count: expected.count)
      for step in 1...200 {
        try example.gradient.reset()
        try example.backward()
        try averager.addUp(scale: 1)
        try averager.finish()
        let sum = try example.gradient.sum.values(as: Double.self)
        for index in total.indices { total[index] += sum[index] }
        if step == 1 {
          findings.expect(error(sum, of: 1) < single, equals: true, "one step in \(wireType)")
        }
      }
      findings.expect(
        error(total, of: 200) < together, equals: true,
        "200 steps in \(wireType), error \(error(total, of: 200))")
      let isCompressed = wireType == .bfloat16 && world.size > 1
      findings.expect(
        averager.residuals.sent.contains { $0 != 0 }, equals: isCompressed, "residuals")
    }
  },
]
