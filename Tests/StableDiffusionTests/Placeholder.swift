import Testing
@Test func placeholderStableDiffusionTests() {}
