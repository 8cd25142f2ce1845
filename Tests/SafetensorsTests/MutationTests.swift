import Foundation
import Testing

@testable import Safetensors

/// Damaged files: each is either refused with a typed error or wholly sound, and never a trap.
struct MutationTests {
  /// More of them come with the environment variable SAFETENSORS_MUTANTS.
  private static let mutantCount =
    ProcessInfo.processInfo.environment["SAFETENSORS_MUTANTS"].flatMap(Int.init) ?? 2_000

  @Test func noDamageEscapesTheChecks() throws {
    let golden = try [UInt8](Data(contentsOf: goldenURL))
    let folder = try TemporaryFolder()
    var mutator = Mutator(seed: 20_260_731)
    var refusedCount = 0
    for index in 0..<MutationTests.mutantCount {
      let mutant = mutator.mutate(golden)
      try Data(mutant).write(to: folder.file())
      do {
        let file = try SafetensorsFile(folder.file(), access: index % 2 == 0 ? .mapped : .inMemory)
        try checkSound(file, length: mutant.count)
      } catch let error as SafetensorsError {
        refusedCount += 1
        #expect(error.description.utf8.count < 4_000)
      }
    }
    // Damage to the data themselves, and a few in names, cannot be seen; most can.
    #expect(refusedCount > MutationTests.mutantCount / 2)
    #expect(refusedCount < MutationTests.mutantCount)
  }

  @Test func everyTruncationIsRefused() throws {
    let golden = try Data(contentsOf: goldenURL)
    let folder = try TemporaryFolder()
    for length in 0..<golden.count {
      try golden.prefix(length).write(to: folder.file())
      #expect(throws: SafetensorsError.self) { try SafetensorsFile(folder.file()) }
    }
  }

  private func checkSound(_ file: SafetensorsFile, length: Int) throws {
    var end: Int?
    for name in file.names {
      let info = try #require(file.info(name))
      #expect(end == nil || info.byteRange.lowerBound == end)
      end = info.byteRange.upperBound
      #expect(info.byteRange.count == info.shape.reduce(info.dtype.byteCount, *))
      #expect(try file.withBytes(of: name) { $0.count } == info.byteRange.count)
    }
    #expect(end ?? length == length)
  }
}

/// Makes damage from a seed.
private struct Mutator {
  private var state: UInt64
  /// What an attacker would write.
  private let tokens = [
    "9223372036854775807", "18446744073709551616", "-1", "1e30", "0", "[", "]", "{", "}", "\"",
    "\\u", "\\ud800", ",", ":", "\"dtype\"", "\"shape\":[0],", "\"data_offsets\":[0,0]", "\u{0}",
    "null", "__metadata__", " ", "\"BF16\"",
  ].map { Array($0.utf8) }

  init(seed: UInt64) { state = seed }

  mutating func mutate(_ original: [UInt8]) -> [UInt8] {
    var bytes = original
    for _ in 0...below(3) {
      // Mostly in the header, which is the greater part.
      let place = below(bytes.count)
      switch below(7) {
      case 0: bytes[place] ^= 1 << UInt8(below(8))
      case 1: bytes[place] = UInt8(below(256))
      case 2: bytes.removeSubrange(place..<min(place + 1 + below(8), bytes.count))
      case 3: bytes.insert(contentsOf: tokens[below(tokens.count)], at: place)
      case 4:
        let token = tokens[below(tokens.count)]
        bytes.replaceSubrange(place..<min(place + token.count, bytes.count), with: token)
      case 5:
        let end = min(place + 1 + below(80), bytes.count)
        bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count))
      default: bytes[below(8)] = UInt8(below(256))
      }
    }
    // Else nearly every insertion would be found by the length alone.
    if below(4) > 0, bytes.count >= 8, original.count >= 8 {
      let headerLength = Int(original[0]) + Int(original[1]) << 8 + bytes.count - original.count
      withUnsafeBytes(of: UInt64(max(0, headerLength)).littleEndian) {
        bytes.replaceSubrange(0..<8, with: $0)
      }
    }
    return bytes
  }

  /// SplitMix64.
  private mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ z >> 31) % UInt64(limit))
  }
}
