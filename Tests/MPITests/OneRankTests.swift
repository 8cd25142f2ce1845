import Foundation
import Testing

@testable import MPI

/// Collectives of the one rank of the test process; MPIRankTests checks them on several.
@Suite(.serialized) struct OneRankTests {
  private let world: Communicator

  init() throws {
    world = try joinTestWorld()
  }

  @Test func aProcessWithoutLauncherIsTheOnlyRank() {
    #expect(world.rank == 0)
    #expect(world.size == 1)
  }

  /// Else MPI forks a daemon that listens on the network.
  @Test func aProcessWithoutLauncherIsIsolated() {
    let environment = ProcessInfo.processInfo.environment
    #expect(environment["OMPI_MCA_ess_singleton_isolated"] == "1")
  }

  @Test(arguments: Reduction.allCases)
  func reducingOverOneRankChangesNothing(_ reduction: Reduction) throws {
    var values = [1.5, -0.0, 3e300]
    try world.allReduce(&values, by: reduction)
    #expect(values.map(\.bitPattern) == [1.5, -0.0, 3e300].map(\.bitPattern))
  }

  @Test func anOrderedSumOverOneRankKeepsTheSignOfZero() throws {
    var values: [Float] = [-0.0, 2]
    try world.orderedSum(&values)
    #expect(values.map(\.bitPattern) == [Float(-0.0), 2].map(\.bitPattern))
  }

  @Test func broadcastsReturnWhatWasGiven() throws {
    var values: [UInt8] = [1, 2, 3]
    try world.broadcast(&values)
    #expect(values == [1, 2, 3])
    #expect(try world.broadcast(Data([9, 8])) == Data([9, 8]))
    #expect(try world.broadcast("prompt") == "prompt")
    #expect(try world.broadcast(Int64(7)) == 7)
  }

  @Test func gatheringReturnsTheOnlyPart() throws {
    #expect(try world.gather([Int32(4), 5]) == [[4, 5]])
    #expect(try world.allGatherV([Float(4), 5]) == [[4, 5]])
    #expect(try world.allGather([UInt64(4), 5]) == [4, 5])
    #expect(try world.allGather([Double]()) == [])
  }

  @Test func partsOfTheWorldAreTheWorld() throws {
    for part in [
      try world.duplicate(), try world.split(color: 3, key: 9), try world.splitByMachine(),
    ] {
      #expect(part.rank == 0)
      #expect(part.size == 1)
      try part.free()
    }
  }

  @Test func aFailureIsAgreedOnByTheOnlyRank() throws {
    let failure = try #require(throws: AgreedFailure.self) {
      try world.agreed { throw MPIError.finalised }
    }
    #expect(failure.description == MPIError.finalised.description)
    #expect(try world.agreed { 5 } == 5)
  }

  @Test func aRunWithinARunLeavesMPIToItsOwner() throws {
    #expect(try withMPI(threadLevel: .multiple) { try $0.allReduce(Int32(2), by: .sum) } == 2)
    #expect(throws: MPIError.finalised) { try withMPI { _ in throw MPIError.finalised } }
    #expect(try world.allReduce(Int32(3), by: .sum) == 3)
  }
}
