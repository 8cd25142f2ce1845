import Foundation
import Processes

/// A program of the user's that scores pictures: it is kept running, reads a request from each line of
/// its standard input, and answers it with a line on its standard output; ``ScoringRequest`` has both.
///
/// It is asked for one answer at a time, and started again where it ends, is silent for too long or
/// answers otherwise: what it says after that cannot be trusted. What it writes to standard error is
/// passed on. Each copy finds its number among those of a rank, from 0, in `PRDP_REWARD_WORKER`, and
/// the rank's among those of its machine in `PRDP_LOCAL_RANK`. It ends when its standard input does;
/// whatever it started is killed with it, also where this process is killed.
public struct CommandSettings: Sendable, Equatable {
  /// The program, looked for in PATH, and its arguments; no shell reads them.
  public var program: [String]
  /// Seconds for an answer.
  public var timeout: Double
  /// More of them for the first answer of a program that was started.
  public var startTimeout: Double
  /// Whether pictures are written to files and their paths are sent, instead of themselves.
  public var sendsPaths: Bool

  /// Settings of a program.
  public init(program: [String], timeout: Double, startTimeout: Double, sendsPaths: Bool) {
    self.program = program
    self.timeout = timeout
    self.startTimeout = startTimeout
    self.sendsPaths = sendsPaths
  }
}

extension ServiceReward {
  /// A reward that a program of the user's gives.
  ///
  /// - Parameters:
  ///   - identity: Tells it from other rewards.
  ///   - passOn: Is given each line that the program writes to standard error.
  /// - Throws: `RewardError.noProgram`.
  public convenience init(
    name: String, identity: String, limits: Limits, command: CommandSettings,
    passOn: @escaping @Sendable (String) -> Void = ServiceReward.writeToStandardError
  ) throws(RewardError) {
    let program = command.program.first ?? ""
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    guard let path = ProcessStart.path(of: program, in: folders) else {
      throw .noProgram(reward: name, program: "'\(program)'")
    }
    var command = command
    command.program[0] = path
    self.init(name: name, identity: identity, limits: limits) { [command] index in
      CommandChannel(
        settings: command, index: index, passOn: { passOn("reward \(name): \($0)") })
    }
  }

  /// Writes a line to standard error; what cannot be written is lost.
  public static let writeToStandardError: @Sendable (String) -> Void = { line in
    try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
  }
}

/// A copy of the program, started when it is needed.
struct CommandChannel: ScoringChannel {
  let settings: CommandSettings
  let index: Int
  let passOn: (String) -> Void
  private var process: CommandProcess?
  private var requestCount = 0

  let place = "the program"

  init(settings: CommandSettings, index: Int, passOn: @escaping (String) -> Void) {
    self.settings = settings
    self.index = index
    self.passOn = passOn
  }

  mutating func scores(
    for request: ScoringRequest, isClosed: () -> Bool
  ) throws(ServiceFailure) -> [Score] {
    var seconds = settings.timeout
    if process == nil {
      process = try CommandProcess(
        settings.program, environment: environment, makesFolder: settings.sendsPaths,
        passOn: passOn)
      seconds += settings.startTimeout
    }
    requestCount += 1
    do throws(ServiceFailure) {
      guard let process else { preconditionFailure("it was started") }
      let line: Data
      do {
        line = try request.json(id: requestCount, folder: process.folder)
      } catch {
        throw ServiceFailure("could not be sent the images: \(error)", mayRetry: false)
      }
      let answer = try process.answer(
        to: line, byteLimit: request.answerByteLimit, seconds: seconds, isClosed: isClosed)
      return try request.scores(inAnswer: answer, id: requestCount)
    } catch {
      // After what it did it may be anywhere; the next request starts another.
      process?.kill()
      process = nil
      throw error
    }
  }

  /// That of this process, but for what Open MPI tells its ranks: the program is none.
  private var environment: [String] {
    var variables = ProcessInfo.processInfo.environment
    let localRank = variables["OMPI_COMM_WORLD_LOCAL_RANK"]
    for name in variables.keys
    where ["OMPI_", "PMIX_", "PMI_", "PRDP_"].contains(where: { name.hasPrefix($0) }) {
      variables[name] = nil
    }
    variables["PRDP_REWARD_WORKER"] = "\(index)"
    variables["PRDP_LOCAL_RANK"] = localRank ?? "0"
    return variables.map { "\($0)=\($1)" }.sorted()
  }
}
