import Testing

@testable import Reporting

struct PageTests {
  @Test func textInAPieceIsEscapedAndPiecesAreNot() {
    let hostile = "<script>alert(\"1\")</script> & 'x'\u{202E}\u{0}\n"
    let inner: HTML = "<b>\(hostile)</b>"
    let page: HTML = "<p title=\"\(hostile)\">\(inner)\([inner, inner])</p>"
    let escaped =
      "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;\u{FFFD}\u{FFFD}\n"
    let bold = "<b>\(escaped)</b>"
    #expect(page.source == "<p title=\"\(escaped)\">\(bold)\(bold)\(bold)</p>")
  }

  @Test(arguments: [
    (0, "0"), (0.4412, "0.4412"), (0.001, "0.001"), (0.0015, "0.0015"), (5e-4, "5e-4"),
    (1.5e-05, "1.5e-5"), (12.345678, "12.35"), (-3.5, "-3.5"), (999.96, "1000"),
    (407_646.7, "407,647"), (-1e9, "-1e9"), (.nan, "–"), (.infinity, "–"),
  ])
  func aNumberHasTheDigitsThatCount(value: Double, text: String) {
    #expect(Wording.number(value) == text)
  }

  @Test(arguments: [
    (0, "0 s"), (0.254, "0.25 s"), (45, "45 s"), (250, "4 min 10 s"), (7500, "2 h 05 min"),
    (273_600, "3 d 4 h"), (1e300, "11574074 d 1 h"), (-1, "–"), (.nan, "–"),
  ])
  func aTimeHasItsTwoGreatestUnits(seconds: Double, text: String) {
    #expect(Wording.duration(seconds) == text)
  }

  @Test func countsAndSizesAreReadable() {
    #expect(Wording.count(1_234_567) == "1,234,567")
    #expect(Wording.count(-1000) == "−1,000")
    #expect(Wording.count(1, "step") == "1 step")
    #expect(Wording.count(1000, "step") == "1,000 steps")
    #expect(Wording.bytes(999) == "999 bytes")
    #expect(Wording.bytes(13_600_000) == "13.6 MB")
    #expect(Wording.change(-0.0382) == "−0.0382")
    #expect(Wording.time("2026-11-23T07:38:50Z") == "2026-11-23 07:38:50 UTC")
    #expect(Wording.time("yesterday") == "yesterday")
  }
}
