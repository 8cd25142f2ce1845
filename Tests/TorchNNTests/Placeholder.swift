import Testing
@Test func placeholderTorchNNTests() {}
