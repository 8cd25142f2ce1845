import Foundation
import Testing

@testable import Reporting

struct ChartTests {
  private func axis(
    _ range: ClosedRange<Double>, wholeNumbers: Bool = false, isLogarithmic: Bool = false
  ) -> Axis {
    Axis(
      range, from: 0, to: 100, tickCount: 5, wholeNumbers: wholeNumbers,
      isLogarithmic: isLogarithmic)
  }

  @Test func ticksAreFewRoundNumbersWithinTheRange() {
    func labels(_ axis: Axis) -> [String] { axis.ticks.map(axis.label) }
    #expect(labels(axis(0.31...0.52)) == ["0.35", "0.40", "0.45", "0.50"])
    #expect(labels(axis(0...0.0016)) == ["0", "0.0005", "0.0010", "0.0015"])
    #expect(labels(axis(0...3e-6)) == ["0", "1e-6", "2e-6", "3e-6"])
    #expect(labels(axis(-1...1)) == ["-1.0", "-0.5", "0", "0.5", "1.0"])
    #expect(labels(axis(1...24, wholeNumbers: true)) == ["5", "10", "15", "20"])
    #expect(labels(axis(1...2, wholeNumbers: true)) == ["1", "2"])
    #expect(labels(axis(0...100_000)) == ["0", "20,000", "40,000", "60,000", "80,000", "100,000"])
    #expect(labels(axis(0.05...250, isLogarithmic: true)) == ["0.1", "1", "10", "100"])
    for exponent in stride(from: -300.0, through: 300, by: 7) {
      let axis = axis(0...pow(10, exponent) * 3.7)
      #expect((2...9).contains(axis.ticks.count), "\(exponent)")
      #expect(axis.ticks.allSatisfy(axis.range.contains), "\(exponent)")
    }
  }

  @Test func aRangeIsNeverEmpty() {
    #expect(Axis.range(of: []) == -0.06...1.06)
    #expect(Axis.range(of: [0, 0]) == -0.0...1.0 || Axis.range(of: [0, 0]).upperBound > 0)
    #expect(Axis.range(of: [5, 5]) == 4.5...5.5)
    #expect(Axis.range(of: [0, 0], from: 0) == 0...1)
    #expect(Axis.range(of: [1, 2], from: 0).lowerBound == 0)
  }

  @Test func anAxisPlacesItsEnds() {
    let plain = axis(2...4)
    #expect(plain.place(2) == 0 && plain.place(3) == 50 && plain.place(4) == 100)
    let logarithmic = axis(0.1...10, isLogarithmic: true)
    #expect(abs(logarithmic.place(1) - 50) < 1e-9)
  }

  @Test func thinningLosesNoPeak() {
    var values = (0..<100_000).map { sin(Double($0) / 1000) }
    values[31_415] = 50
    values[27_182] = -50
    values[500] = .nan
    let indices = Thinning.indices(values, columnCount: 300)
    #expect(indices.count <= 1200)
    #expect(indices == indices.sorted() && Set(indices).count == indices.count)
    #expect(indices.contains(31_415) && indices.contains(27_182))
    #expect(indices.first == 0 && indices.last == 99_999)
    #expect(Thinning.indices([1, 2, 3], columnCount: 300) == [0, 1, 2])
    #expect(Thinning.indices([], columnCount: 300).isEmpty)
  }

  @Test func theLineOfManyStepsIsTheirMean() throws {
    let values = (0..<10_000).map { $0.isMultiple(of: 2) ? 3.0 : 1 }
    let means = Thinning.means(values, columnCount: 100)
    #expect(means.map(\.mean) == Array(repeating: 2, count: 100))
    #expect(means.first?.index == 50 && means.last?.index == 9950)
    #expect(Thinning.means([1, 2], columnCount: 100).isEmpty)
    let source = try #require(
      LineChart(title: "Loss", unit: "", series: [Series("loss", Array(1...10_000), values)]).figure
    ).source
    #expect(source.contains("class=\"extremes s1\"") && source.contains("class=\"line s1\""))
  }

  @Test func aGapInTheNumbersIsAGapInTheLine() throws {
    let chart = LineChart(
      title: "Loss", unit: "nats²",
      series: [Series("loss", [1, 2, 3, 4, 5], [1, 2, .nan, 4, 5])])
    let source = try #require(chart.figure).source
    let path = try #require(source.firstMatch(of: #/<path class="line s1" d="([^"]*)"/#)).output.1
    #expect(path.filter { $0 == "M" }.count == 2)
    #expect(path.filter { $0 == "L" }.count == 2)
    #expect(source.contains("aria-label=\"Loss: loss from 1 to 5\""))
  }

  @Test func numbersOfSeveralMagnitudesGetALogarithmicAxis() throws {
    func source(_ values: [Double]) throws -> String {
      try #require(
        LineChart(
          title: "KL", unit: "nats", series: [Series("kl", [1, 2, 3], values)],
          mayBeLogarithmic: true
        ).figure
      ).source
    }
    #expect(try source([0, 0.1, 400]).contains("nats, logarithmic"))
    #expect(try !source([0, 100, 400]).contains("logarithmic"))
    #expect(try !source([-1, 0.1, 400]).contains("logarithmic"))
  }

  @Test func namesBesideLinesDoNotOverlap() throws {
    let chart = LineChart(
      title: "Rewards", unit: "",
      series: (0..<5).map { Series("set \($0)", [1, 2], [1, 2 + Double($0) * 1e-3]) })
    let source = try #require(chart.figure).source
    let places = source.matches(of: #/class="name s\d" x="[\d.]+" y="([\d.]+)"/#)
      .compactMap { Double($0.output.1) }.sorted()
    #expect(places.count == 5)
    for (above, below) in zip(places, places.dropFirst()) { #expect(below - above >= 13.9) }
    #expect(places.allSatisfy { (0...LineChart.height).contains($0) })
  }

  @Test func nothingToDrawIsNoChart() {
    #expect(LineChart(title: "", unit: "", series: []).figure == nil)
    #expect(LineChart(title: "", unit: "", series: [Series("", [1], [.nan])]).figure == nil)
    #expect(IntervalChart(rows: [], afterName: "after").figure == nil)
    #expect(StackedBar(parts: [("sampling", 0)]).figure == nil)
  }

  @Test func aBarsPartsFillIt() throws {
    let source = try #require(
      StackedBar(parts: [("sampling", 3), ("gradient", 1)]).figure
    ).source
    #expect(source.contains(#"x="0" y="0" width="750""#))
    #expect(source.contains(#"x="750" y="0" width="250""#))
    #expect(source.contains("75 %") && source.contains("25 %"))
  }
}
