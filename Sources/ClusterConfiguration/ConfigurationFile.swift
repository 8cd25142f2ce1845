import Foundation

/// Reads a file that a person named, whatever it turns out to be.
enum ConfigurationFile {
  /// The text of a regular file of at most ``YAMLText/sizeLimit`` bytes in UTF-8.
  ///
  /// A pipe or a device is refused without waiting for it, and a large file without reading it.
  static func text(at path: String) throws(ConfigurationError) -> String {
    func error(_ message: String, line: Int? = nil) -> ConfigurationError {
      ConfigurationError(
        problems: [.init(source: path, line: line, message: message)], omittedCount: 0)
    }
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw error("cannot be opened: \(String(cString: strerror(errno)))")
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw error("not a regular file")
    }
    guard status.st_size <= YAMLText.sizeLimit else {
      throw error(YAMLText.Unreadable.tooLarge.message)
    }
    let data: Foundation.Data
    do {
      data = try handle.read(upToCount: YAMLText.sizeLimit + 1) ?? Foundation.Data()
    } catch let failure {
      throw error("cannot be read: \(failure.localizedDescription)")
    }
    guard let text = String(bytes: data, encoding: .utf8) else {
      let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let bad = lines.firstIndex { String(bytes: $0, encoding: .utf8) == nil }
      throw error("not valid UTF-8: save the file as UTF-8", line: bad.map { $0 + 1 })
    }
    return text
  }
}
