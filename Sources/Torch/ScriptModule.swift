import CTorch

/// A module that Python exported with torch.jit, run without Python.
///
/// Its file is a program: take it from where you would take a program.
public final class ScriptModule {
  /// Whether it takes texts beside the tensor.
  public let takesTexts: Bool
  private let script: ct_script

  /// Reads a file that torch.jit.save wrote, for evaluation.
  ///
  /// - Throws: ``TensorError`` where there is none, or its forward takes something else than a tensor,
  ///   or a tensor and a list of texts, beside what has a default.
  public init(path: String, device: Device = .cpu) throws {
    var (out, takesTexts) = (ct_script(impl: nil), false)
    try check(ct_script_load(path, device.c, &takesTexts, &out), "load \(path)")
    script = out
    self.takesTexts = takesTexts
  }

  deinit {
    ct_script_release(script)
  }

  /// The tensor that forward returns.
  ///
  /// - Parameter texts: Left out of the call where the module takes none.
  public func callAsFunction(_ input: Tensor, texts: [String]) throws -> Tensor {
    defer { extendLifetime(self) }
    return try produce("forward", operands: [input]) { out in
      input.withHandle { handle in
        withCStrings(texts) { ct_script_forward(script, handle, $0, Int32(texts.count), out) }
      }
    }
  }
}

/// Texts as C has them, up to their first NUL.
private func withCStrings<Result>(
  _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
) -> Result {
  var bytes: [CChar] = []
  let starts = texts.map { text in
    defer { bytes += text.utf8CString }
    return bytes.count
  }
  return bytes.withUnsafeBufferPointer { buffer in
    body(starts.map { start in buffer.baseAddress.map { $0 + start } })
  }
}
