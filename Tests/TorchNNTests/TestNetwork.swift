import Testing
import Torch
import TorchNN

/// Layers in a list and a table, as a network has them.
enum TestNetwork {
  static let names = [
    "blocks.0.to_q.weight", "blocks.0.to_q.bias", "blocks.1.weight", "blocks.1.bias",
    "norm.weight", "norm.bias", "table.weight",
  ]

  static func build(_ store: ParameterStore) throws {
    let root = store.root
    _ = try Linear(root / "blocks" / 0 / "to_q", in: 4, out: 3)
    _ = try Conv2d(root / "blocks" / 1, in: 2, out: 2, kernel: 3)
    _ = try LayerNorm(root / "norm", width: 4)
    _ = try Embedding(root / "table", count: 5, width: 4)
  }
}

/// Requires the same names, types, shapes and values.
func expectEqual(_ found: [Parameter], _ expected: [Parameter]) throws {
  #expect(found.map(\.name) == expected.map(\.name))
  for (found, expected) in zip(found, expected) {
    #expect(found.tensor.summary == expected.tensor.summary)
    #expect(try found.tensor.values(as: Double.self) == expected.tensor.values(), "\(found.name)")
  }
}
