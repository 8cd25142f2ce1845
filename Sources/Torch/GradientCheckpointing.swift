import CTorch

/// Runs `body` on `inputs` without keeping its activations: where the gradient needs them, `body` is
/// run again. So a network takes the memory of its blocks' outputs and of one block's inside, for
/// one more forward pass.
///
/// `body` must compute the same each time, use no recorded tensor but `inputs` and leaves, such as
/// parameters, and may be run on another thread, one at a time. Where operations are not recorded it
/// is just run.
///
/// - Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost"; PyTorch,
///   torch/utils/checkpoint.py, `CheckpointFunction`.
public func recomputed(_ inputs: [Tensor], _ body: @escaping ([Tensor]) throws -> Tensor) throws
  -> Tensor
{
  guard ct_grad_mode() else { return try body(inputs) }
  let closure = ct_body(
    context: Unmanaged.passRetained(RecomputedBody(body)).toOpaque(),
    run: { context, handles, count, out in
      guard let context, let out else { return CT_ERROR }
      let inputs = UnsafeBufferPointer(start: handles, count: Int(count)).map(Tensor.init(owning:))
      return Unmanaged<RecomputedBody>.fromOpaque(context).takeUnretainedValue().run(inputs, out)
    },
    release: { context in
      if let context { Unmanaged<RecomputedBody>.fromOpaque(context).release() }
    })
  return try produce("recomputed", operands: inputs) { out in
    withHandles(inputs) { ct_checkpoint($0, Int32($0.count), closure, out) }
  }
}

/// A closure that libtorch's graph keeps.
private final class RecomputedBody {
  private let body: ([Tensor]) throws -> Tensor

  init(_ body: @escaping ([Tensor]) throws -> Tensor) {
    self.body = body
  }

  /// Runs the closure; no error leaves it.
  func run(_ inputs: [Tensor], _ out: UnsafeMutablePointer<ct_tensor>) -> ct_status {
    do {
      out.pointee = try body(inputs).withHandle(ct_tensor_retain)
      return CT_OK
    } catch {
      ct_set_last_error("\(error)")
      if case TensorError.outOfMemory = error { return CT_OUT_OF_MEMORY }
      return CT_ERROR
    }
  }
}
