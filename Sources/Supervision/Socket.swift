import Foundation

/// A TCP socket that never waits, closed when it is let go of.
final class Socket: Sendable {
  /// What a read found.
  enum Reading {
    /// Some bytes.
    case bytes(Data)
    /// Nothing for now.
    case nothing
    /// The other side is gone.
    case end
  }

  let descriptor: CInt

  private init(_ descriptor: CInt) {
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Neither inherited by a program that is started nor waited on.
  private static let kind = CInt(
    SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  private static func make() throws(SupervisionError) -> Socket {
    let descriptor = socket(AF_INET, kind, 0)
    guard descriptor >= 0 else {
      throw SupervisionError("the network", failed: "a socket", errno: errno)
    }
    return Socket(descriptor)
  }

  /// A socket that listens at a port of the system's choice, and the port.
  static func listening(at address: IPv4Address) throws(SupervisionError) -> (Socket, UInt16) {
    let socket = try make()
    let isBound = address.withSocketAddress(port: 0) { bind(socket.descriptor, $0, $1) == 0 }
    guard isBound, listen(socket.descriptor, 1024) == 0 else {
      throw SupervisionError("\(address)", failed: "a port to listen at", errno: errno)
    }
    var name = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let hasName = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(socket.descriptor, $0, &size) == 0
      }
    }
    guard hasName else {
      throw SupervisionError("\(address)", failed: "a port to listen at", errno: errno)
    }
    return (socket, UInt16(bigEndian: name.sin_port))
  }

  /// A connection that came in, `nil` where there is none.
  func accepted() -> Socket? {
    let connection = accept(descriptor, nil, nil)
    guard connection >= 0 else { return nil }
    _ = fcntl(connection, F_SETFL, O_NONBLOCK)
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    return Socket(connection)
  }

  /// A connection, `nil` where there is none within some milliseconds.
  static func connected(
    to address: IPv4Address, port: UInt16, withinMilliseconds limit: CInt
  ) -> Socket? {
    guard let socket = try? make() else { return nil }
    let status = address.withSocketAddress(port: port) { connect(socket.descriptor, $0, $1) }
    if status == 0 { return socket }
    guard errno == EINPROGRESS, socket.isReady(for: POLLOUT, withinMilliseconds: limit) else {
      return nil
    }
    var failure: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0, failure == 0
    else { return nil }
    return socket
  }

  private func isReady(for event: CInt, withinMilliseconds limit: CInt) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return poll(&entry, 1, limit) == 1
  }

  /// Writes a few bytes; `false` where they could not all be taken at once.
  func write(_ bytes: Data) -> Bool {
    bytes.withUnsafeBytes {
      // Without a signal where the other side is gone.
      send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) == $0.count
    }
  }

  /// Reads what is there.
  func read() -> Reading {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count > 0 { return .bytes(Data(buffer[..<count])) }
    return count < 0 && [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) ? .nothing : .end
  }
}
