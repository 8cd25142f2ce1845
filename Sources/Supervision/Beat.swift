import Foundation

/// A sign of life of a rank: where it is in the run, and since when.
///
/// It goes over the network as one line of JSON.
public struct Beat: Codable, Sendable, Equatable {
  /// How the rank stands.
  public enum Condition: String, Codable, Sendable {
    /// It works, or waits for others.
    case alive
    /// It has been in one operation for too long and ends itself.
    case stalled
    /// It is at its end, as it should be: nothing more will come.
    case finished
  }

  /// What tells a rank of this start from anything else that may connect.
  let token: String
  /// The number of the rank.
  public let rank: Int
  /// The name of its machine.
  public let host: String
  /// Its process there.
  public let process: Int32
  /// The optimiser steps that it has taken.
  public let step: Int
  /// What it does.
  public let operation: String
  /// How long it has been doing that.
  public let seconds: Double
  /// How it stands.
  public let condition: Condition

  /// The longest line that is one.
  static let lengthLimit = 1024

  /// The line, with its end.
  var line: Data {
    // Texts and finite numbers: there is nothing that could not be encoded.
    ((try? JSONEncoder().encode(self)) ?? Data()) + Data("\n".utf8)
  }

  /// Reads a line without its end; `nil` where it is none of ours.
  init?(line: Data, token: String, rankCount: Int) {
    guard line.count <= Self.lengthLimit,
      let beat = try? JSONDecoder().decode(Beat.self, from: line),
      beat.token == token, (0..<rankCount).contains(beat.rank), beat.seconds >= 0
    else { return nil }
    self = beat
  }

  init(
    token: String, rank: Int, host: String, process: Int32, step: Int, operation: String,
    seconds: Double, condition: Condition
  ) {
    self.token = token
    self.rank = rank
    self.host = host
    self.process = process
    self.step = step
    self.operation = operation
    self.seconds = seconds
    self.condition = condition
  }
}
