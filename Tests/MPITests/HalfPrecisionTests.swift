import CMPI
import MPI
import Testing

/// Conversions of 16-bit numbers, which operations of our own add.
@Suite struct HalfPrecisionTests {
  @Test func everyFloat16IsReadAsSwiftReadsIt() {
    let wrong = (UInt16.min...UInt16.max).filter { bits in
      let (found, expected) = (cmpi_from_float16(bits), Float(Float16(bitPattern: bits)))
      return found != expected && !(found.isNaN && expected.isNaN)
    }
    #expect(wrong.isEmpty)
  }

  /// Floats near every Float16 and half-way between neighbours, and beyond all of them.
  @Test func floatsAreRoundedAsSwiftRoundsThem() {
    let beyond: [Float] = [65504, 65519.99, 65520, 1e30, -.infinity, 0x1p-25, 0x1.01p-25, 0x1p-130]
    let near = (UInt16.min..<UInt16.max).flatMap { bits -> [Float] in
      let (one, next) = (Float(Float16(bitPattern: bits)), Float(Float16(bitPattern: bits + 1)))
      let middle = (one + next) / 2
      return one.isFinite && next.isFinite ? [one, middle, middle.nextUp, middle.nextDown] : []
    }
    #expect((near + beyond).filter { cmpi_to_float16($0) != Float16($0).bitPattern }.isEmpty)
    #expect(Float16(bitPattern: cmpi_to_float16(.nan)).isNaN)
  }

  @Test func bfloat16IsTheNearestWithTheUpperBits() {
    for bits in stride(from: UInt32.min, to: UInt32.max - 40_000, by: 39_989) {
      let value = Float(bitPattern: bits)
      guard value.isFinite else { continue }
      let below = Float(bitPattern: bits & 0xFFFF_0000)
      let above = Float(bitPattern: (bits & 0xFFFF_0000) &+ 0x1_0000)
      let rounded = BFloat16(value)
      let isNearest =
        abs(rounded.float - value) <= min(abs(below - value), abs(above - value))
        || above.isInfinite
      #expect(isNearest, "\(value)")
      #expect(BFloat16(below).float == below)
    }
    // Ties go to the even one.
    #expect(BFloat16(1 + 0x1p-8).float == 1)
    #expect(BFloat16(1 + 0x1.8p-7).float == 1 + 0x1p-6)
    #expect(BFloat16(.infinity).float == .infinity)
    #expect(BFloat16(.nan).float.isNaN)
    #expect(BFloat16(Float(bitPattern: 0x7F80_0001)).float.isNaN)
  }
}
