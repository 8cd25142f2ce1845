import Testing

@testable import Training

@Suite struct SceneBatchTests {
  /// Keys that differ by the generator's own step would give neighbours the same numbers, moved
  /// by one.
  @Test func neighboursShareNothing() {
    let count = 64
    let batch = SceneBatch(places: 0..<256, seed: 1, noiseCount: count)
    var values = Set<Float>()
    values.formUnion(batch.noise)
    #expect(values.count > 256 * count * 99 / 100)
    #expect(Set(batch.captions).count > 245)
    #expect(Set(batch.times).count > 250)
  }

  @Test func aSceneDependsOnItsPlaceAlone() {
    let all = SceneBatch(places: 10..<20, seed: 3, noiseCount: 4)
    let some = SceneBatch(places: 15..<17, seed: 3, noiseCount: 4)
    #expect(some.captions == Array(all.captions[5..<7]))
    #expect(some.noise == Array(all.noise[20..<28]))
    #expect(some.times == Array(all.times[5..<7]))
    #expect(SceneBatch(places: 10..<20, seed: 4, noiseCount: 4).captions != all.captions)
  }
}
