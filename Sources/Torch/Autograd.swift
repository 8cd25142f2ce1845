import CTorch

/// Runs `body` without recording operations for autograd, on this thread.
public func withoutGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  let before = ct_grad_mode()
  ct_set_grad_mode(false)
  defer { ct_set_grad_mode(before) }
  return try body()
}

/// Whether operations on this thread are recorded for autograd.
public var recordsGradients: Bool { ct_grad_mode() }

extension Tensor {
  /// Whether operations on this tensor are recorded for autograd.
  public var requiresGradient: Bool { withHandle(ct_requires_grad) }

  /// Marks a leaf tensor as one whose gradient is wanted, or not.
  public func setRequiresGradient(_ required: Bool) throws {
    try check(withHandle { ct_set_requires_grad($0, required) }, "setRequiresGradient", [self])
  }

  /// The same elements, cut off from the graph.
  public func detached() throws -> Tensor { try unary("detached", ct_detach) }

  /// Adds the gradient of sum(self * seed) to every leaf that requires one.
  ///
  /// - Parameter seed: A tensor of this shape; ones where it is absent.
  public func backward(seed: Tensor? = nil) throws {
    let seed = try seed ?? Tensor.full(1, shape: shape, dtype: dtype, device: device)
    try check(
      withHandle { root in seed.withHandle { ct_backward(root, $0) } }, "backward", [self, seed])
  }

  /// The gradient accumulated by ``backward(seed:)``; `nil` where none arrived.
  public func gradient() throws -> Tensor? {
    var out = ct_tensor(impl: nil)
    try check(withHandle { ct_gradient($0, &out) }, "gradient", [self])
    return out.impl == nil ? nil : Tensor(owning: out)
  }

  /// Forgets the accumulated gradient.
  public func clearGradient() { withHandle(ct_clear_gradient) }
}
