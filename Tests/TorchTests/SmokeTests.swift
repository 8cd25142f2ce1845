import Testing
import Torch
@Test func smoke() throws {
  let a = try Tensor([1, 2, 3] as [Float], shape: [3])
  #expect(try (a + a).values(as: Float.self) == [2, 4, 6])
}
