import Foundation
import TestSupport
import Testing

@testable import TensorBoard

struct EventFileTests {
  private func scalar(_ step: Int, _ value: Double) -> Event {
    Event(wallTime: 100, step: step, content: .summary([SummaryValue("train/loss", value)]))
  }

  private func errorText(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func whatIsWrittenIsReadAtOnce() throws {
    try withTemporaryFolder { url in
      let folder = url.appending(path: "tensorboard").path
      let writer = try EventFileWriter(folder: folder, now: Date(timeIntervalSince1970: 1.5))
      let events = [
        scalar(1, 0.5), scalar(2, .nan),
        Event(
          wallTime: 101, step: 2,
          content: .summary([
            SummaryValue(
              "samples/unseen",
              .image(EncodedImage(width: 3, height: 2, png: Data(repeating: 7, count: 100_000)))),
            SummaryValue("train/log_ratio", .histogram(Histogram([-0.5, 0, 3]))),
          ])),
      ]
      for event in events { try writer.write(event) }
      let file = try EventFile(path: writer.path)
      #expect(!file.isUnfinished)
      #expect(
        file.events.first
          == Event(wallTime: 1.5, step: 0, content: .fileVersion("brain.Event:2")))
      #expect(file.events[1] == events[0])
      #expect(file.events[3] == events[2])
      guard case .summary(let values) = file.events[2].content,
        case .scalar(let value)? = values.first?.content
      else {
        Issue.record("no scalar")
        return
      }
      #expect(value.isNaN)
      withExtendedLifetime(writer) {}
    }
  }

  @Test func aLaterFileComesAfterAnEarlierOneByItsName() throws {
    try withTemporaryFolder { url in
      // The same second, and a clock that went back.
      for seconds in [1_700_000_000.0, 1_700_000_000, 1_600_000_000] {
        _ = try EventFileWriter(folder: url.path, now: Date(timeIntervalSince1970: seconds))
      }
      let names = try EventFileWriter.names(in: url.path)
      #expect(
        names.map { $0.split(separator: ".")[3] } == ["1700000000", "1700000001", "1700000002"])
      #expect(names.allSatisfy { $0.hasPrefix("events.out.tfevents.17") && !$0.contains("/") })
      try Data().write(to: url.appending(path: "notes.txt"))
      try EventFileWriter.removeFiles(in: url.path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: url.path) == ["notes.txt"])
    }
  }

  @Test func aStartMakesVoidWhatCameAfterTheCheckpoint() throws {
    try withTemporaryFolder { url in
      let first = try EventFileWriter(folder: url.path, now: Date(timeIntervalSince1970: 10))
      for step in 1...5 { try first.write(scalar(step, 1)) }
      let second = try EventFileWriter(folder: url.path, now: Date(timeIntervalSince1970: 20))
      try second.write(Event(wallTime: 20, step: 4, content: .start))
      try second.write(scalar(4, 2))
      let steps = try EventFile.joined(folder: url.path).filter {
        if case .summary = $0.content { true } else { false }
      }
      #expect(steps == [scalar(1, 1), scalar(2, 1), scalar(3, 1), scalar(4, 2)])
    }
  }

  @Test func anEventCutShortAnywhereLeavesThoseBeforeIt() throws {
    try withTemporaryFolder { url in
      let writer = try EventFileWriter(folder: url.path)
      let start = try Data(contentsOf: URL(filePath: writer.path)).count
      try writer.write(scalar(1, 0.5))
      let whole = try Data(contentsOf: URL(filePath: writer.path))
      let cut = url.appending(path: "cut")
      for count in start..<whole.count {
        try whole.prefix(count).write(to: cut)
        let file = try EventFile(path: cut.path)
        #expect(file.events.count == 1)
        #expect(file.isUnfinished == (count > start))
      }
    }
  }

  @Test func aFlippedBitAnywhereIsFound() throws {
    try withTemporaryFolder { url in
      let writer = try EventFileWriter(folder: url.path)
      let whole = try Data(contentsOf: URL(filePath: writer.path))
      let path = url.appending(path: "flipped").path
      for bit in 0..<whole.count * 8 {
        var flipped = whole
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        try flipped.write(to: URL(filePath: path))
        #expect(
          errorText { _ = try EventFile(path: path) }
            == "\(path): expected a whole record at byte 0, found another checksum")
      }
    }
  }

  @Test func placesThatCannotBeWrittenToAreNamed() {
    #expect(
      errorText { _ = try EventFileWriter(folder: "/nowhere/at/all") }
        == "/nowhere/at/all: expected a new folder, found 'No such file or directory'")
    #expect(
      errorText { _ = try EventFile(path: "/nowhere/events") }?
        .hasPrefix("/nowhere/events: expected a file that can be read, found ") == true)
  }
}
