import Foundation
import Testing

@testable import TensorBoard

struct EventTests {
  private func hexadecimal(_ data: Data) -> String {
    data.map { String(format: "%02x", $0) }.joined()
  }

  @Test func theChecksumIsThatOfItsStandard() {
    // RFC 3720, appendix B.4.
    #expect(CRC32C.checksum(Data(repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum(Data(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(Data(0..<32)) == 0x46DD_794E)
    #expect(CRC32C.checksum(Data("123456789".utf8)) == 0xE306_9283)
  }

  @Test func aRecordHasTheBytesThatTensorBoardWrites() {
    // tensorboard 2.21.0, tensorboard.summary.writer.record_writer.RecordWriter.
    #expect(
      hexadecimal(EventRecord.framed(Data("abc".utf8)))
        == "0300000000000000b099490e6162636e57f121")
  }

  /// Events, and what protobuf 7.36.2 makes of tensorboard 2.21.0's messages.
  static let encoded: [(event: Event, bytes: String)] = [
    (
      Event(wallTime: 1.5, step: 300, content: .summary([SummaryValue("train/loss", 0.25)])),
      "09000000000000f83f10ac022a130a110a0a747261696e2f6c6f7373150000803e"
    ),
    (Event(wallTime: 1.5, step: 8, content: .start), "09000000000000f83f10083a020801"),
    (
      Event(
        wallTime: 1.5, step: 0,
        content: .summary([
          SummaryValue(
            "samples/a", .image(EncodedImage(width: 3, height: 2, png: Data("png".utf8))))
        ])),
      "09000000000000f83f2a1a0a180a0973616d706c65732f61220b0802100318032203706e67"
    ),
    (
      Event(wallTime: 1.5, step: 0, content: .fileVersion(Event.fileVersion)),
      "09000000000000f83f1a0d627261696e2e4576656e743a32"
    ),
  ]

  @Test(arguments: encoded) func anEventHasTheBytesOfTensorBoardsMessage(
    event: Event, bytes: String
  ) throws {
    #expect(hexadecimal(event.message.encoded) == bytes)
    let message = try #require(WireMessage(event.message.encoded))
    #expect(Event(message) == event)
  }

  @Test func bytesThatAreNoMessageAreRefused() {
    for bytes: [UInt8] in [
      [0x08],  // A field without a value.
      [0x00, 0x01],  // Field 0.
      [0x0B],  // A wire type that is no more.
      [0x09, 1, 2, 3],  // Seven bytes too few.
      [0x12, 0x05, 1],  // Four bytes too few.
      [0x12] + Array(repeating: 0xFF, count: 9) + [0x01],  // A length of 2^64 - 1.
      [0x08] + Array(repeating: 0xFF, count: 10) + [0x01],  // More than 64 bits.
    ] {
      #expect(WireMessage(Data(bytes)) == nil, "\(bytes)")
    }
    #expect(WireMessage(Data([0x08, 0x96, 0x01]))?.integer(1) == 150)
    #expect(WireMessage(Data([0x08] + Array(repeating: 0xFF, count: 9) + [0x01]))?.integer(1) == -1)
  }

  @Test func everyValueIsInTheBucketAroundIt() {
    #expect(Histogram.limits == Histogram.limits.sorted())
    #expect(Histogram.limits.count == 243)
    for value in [-1e9, -3, -1.0e-6, -1e-7, 0, 1e-7, 1e-6, 2.5, 999_999, 1e6, 1e300] {
      let counts = Histogram([value]).counts
      #expect(counts.reduce(0, +) == 1)
      let bucket = counts.firstIndex(of: 1) ?? -1
      #expect(value < Histogram.limits[bucket], "\(value)")
      #expect(bucket == 0 || value >= Histogram.limits[bucket - 1], "\(value)")
    }
    // The bucket around 0 holds what is nearer to it than 1e-6.
    #expect(Histogram([0, 1e-7, -1e-7, 0.9e-6]).counts[121] == 4)
  }

  @Test func aHistogramIsReadBackAsItWas() throws {
    let histogram = Histogram([-1, 0.25, 0.26, 2])
    #expect(histogram.least == -1 && histogram.greatest == 2)
    #expect(histogram.sum == 1.51 && abs(histogram.sumOfSquares - 5.1301) < 1e-12)
    for histogram in [histogram, Histogram([0]), Histogram([1e9])] {
      let message = try #require(WireMessage(histogram.message.encoded))
      #expect(Histogram(message) == histogram)
      // From the first to the last bucket with a value.
      let counts = try #require(message.doubles(packed: 7))
      #expect(counts.first != 0 && counts.last != 0)
    }
    #expect(WireMessage(Histogram([]).message.encoded).flatMap(Histogram.init) == Histogram([]))
  }
}
