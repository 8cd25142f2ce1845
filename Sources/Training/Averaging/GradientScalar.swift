import MPI

/// A type in which gradients go over the network.
protocol GradientScalar: MPIScalar {
  /// The nearest number to `value`.
  init(gradient value: Double)
  /// The same number.
  var gradient: Double { get }
}

extension Double: GradientScalar {
  init(gradient value: Double) { self = value }
  var gradient: Double { self }
}

extension Float: GradientScalar {
  init(gradient value: Double) { self = Float(value) }
  var gradient: Double { Double(self) }
}

extension BFloat16: GradientScalar {
  init(gradient value: Double) { self.init(Float(value)) }
  var gradient: Double { Double(float) }
}
