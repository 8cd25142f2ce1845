import Testing

@testable import Torch

struct OperationTests {
  @Test func arithmeticIsThatOfTheTextbook() {
    // 2 images of 4 x 4 pixels, 3 channels to 5, 3 x 3: 2 * 16 * 5 * 27 multiplications.
    let convolution = Operation(
      .convolution, input: [2, 3, 4, 4], operand: [5, 3, 3, 3], padding: 1)
    #expect(convolution.outputShape == [2, 5, 4, 4])
    #expect(convolution.arithmeticCount == 2 * 2 * 16 * 5 * 27)
    let halved = Operation(
      .convolution, input: [2, 3, 4, 4], operand: [5, 3, 3, 3], stride: 2, padding: 1)
    #expect(halved.outputShape == [2, 5, 2, 2])
    let product = Operation(.product, input: [7, 3], operand: [5, 3])
    #expect(product.outputShape == [7, 5])
    #expect(product.arithmeticCount == 2 * 7 * 3 * 5)
    #expect(product.byteCount == 4 * (21 + 15 + 35))
    // Scores of 6 queries and 4 keys with 8 features, then as many weights of values, in 3 heads.
    let attention = Operation(.attention, input: [1, 3, 6, 8], operand: [1, 3, 4, 8])
    #expect(attention.arithmeticCount == 2 * 3 * 6 * 4 * 8 * 2)
  }

  @Test func eachGradientTakesAsMuchAsTheForwardPass() {
    func count(_ input: Bool, _ operand: Bool) -> Int {
      Operation(
        .product, input: [7, 3], operand: [5, 3], hasInputGradient: input,
        hasOperandGradient: operand
      ).arithmeticCount
    }
    #expect(count(true, false) == 2 * count(false, false))
    #expect(count(true, true) == 3 * count(false, false))
  }

  @Test func whatIsComputedIsCounted() async {
    // In a process of its own: other tests compute too.
    await #expect(processExitsWith: .success) {
      let image = try Tensor.zeros(shape: [2, 3, 4, 4])
      let weight = try Tensor.zeros(shape: [5, 3, 3, 3])
      try weight.setRequiresGradient(true)
      let rows = try Tensor.zeros(shape: [2, 4, 3])
      let matrix = try Tensor.zeros(shape: [5, 3])
      _ = try rows.linear(weight: matrix, bias: nil)
      OperationCounter.start()
      for _ in 0..<2 { _ = try rows.linear(weight: matrix, bias: nil) }
      _ = try image.conv2d(weight: weight, bias: nil, padding: 1)
      _ = try withoutGradient { try image.conv2d(weight: weight, bias: nil, padding: 1) }
      #expect(
        OperationCounter.take() == [
          Operation(.product, input: [8, 3], operand: [5, 3]): 2,
          Operation(
            .convolution, input: [2, 3, 4, 4], operand: [5, 3, 3, 3], padding: 1,
            hasOperandGradient: true): 1,
          Operation(.convolution, input: [2, 3, 4, 4], operand: [5, 3, 3, 3], padding: 1): 1,
        ])
      #expect(OperationCounter.take().isEmpty)
      let heads = try Tensor.zeros(shape: [1, 2, 3, 4])
      let values = try Tensor.zeros(shape: [1, 2, 3, 4])
      try values.setRequiresGradient(true)
      _ = try heads.attention(key: heads, value: values, causal: true)
      let attention = Operation(
        .attention, input: [1, 2, 3, 4], operand: [1, 2, 3, 4], isCausal: true,
        hasOperandGradient: true)
      #expect(OperationCounter.take() == [attention: 1])
      OperationCounter.stop()
      _ = try rows.linear(weight: matrix, bias: nil)
      #expect(OperationCounter.take().isEmpty)
    }
  }
}
