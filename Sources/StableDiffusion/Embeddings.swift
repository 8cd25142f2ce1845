import Foundation
import Torch
import TorchNN

// Shapes: B batch.

/// Sines and cosines of a value, whose frequencies fall geometrically from 1 to nearly 1 / 10,000.
///
/// - Source: diffusers, models/embeddings.py, Timesteps.
struct Timesteps {
  /// [1, width / 2], float32; made once: no step of a sampling run waits for a copy of them.
  private let frequencies: Tensor
  private let cosineFirst: Bool

  /// - Parameters:
  ///   - width: Of the result, even.
  ///   - frequencyShift: What half the width is lessened by, where the frequencies are spread.
  init(width: Int, frequencyShift: Double, cosineFirst: Bool, on device: Device) throws {
    let half = width / 2
    let scale = -log(10_000.0) / (Double(half) - frequencyShift)
    // In float32 step by step, as the source does.
    let values = (0..<half).map { exp(Float($0) * Float(scale)) }
    frequencies = try Tensor(values, shape: [1, half]).to(device)
    self.cosineFirst = cosineFirst
  }

  /// [B] to float32 [B, width].
  func callAsFunction(_ values: Tensor) throws -> Tensor {
    let angles = try values.to(dtype: .float32).reshaped([-1, 1]) * frequencies
    let (sine, cosine) = try (angles.sin(), angles.cos())
    return try .concatenated(cosineFirst ? [cosine, sine] : [sine, cosine], axis: 1)
  }
}

/// Two linear layers that make an embedding of sinusoids.
///
/// - Source: diffusers, models/embeddings.py, TimestepEmbedding.
struct TimestepEmbedding {
  let linear1: Linear
  let linear2: Linear

  init(_ path: ParameterPath, in inCount: Int, out outCount: Int) throws {
    linear1 = try Linear(path / "linear_1", in: inCount, out: outCount)
    linear2 = try Linear(path / "linear_2", in: outCount, out: outCount)
  }

  /// [B, in] to [B, out].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try linear2(linear1(x).activated(.silu))
  }
}
