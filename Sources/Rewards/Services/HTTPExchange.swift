import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Requests over HTTP, one after another, with a deadline and a limit to what comes back.
final class HTTPExchange {
  private let byteLimit: Int
  private let receiver: Receiver
  private let session: URLSession

  init(byteLimit: Int) {
    self.byteLimit = byteLimit
    receiver = Receiver(byteLimit: byteLimit)
    let configuration = URLSessionConfiguration.ephemeral
    configuration.httpCookieStorage = nil
    configuration.urlCache = nil
    configuration.httpShouldSetCookies = false
    session = URLSession(configuration: configuration, delegate: receiver, delegateQueue: nil)
  }

  deinit { session.invalidateAndCancel() }

  /// Sends a request and waits for its answer.
  ///
  /// - Parameter seconds: For all of it.
  func answer(
    to request: URLRequest, seconds: Double, isClosed: () -> Bool
  ) throws(ServiceFailure) -> (status: Int, body: Data) {
    let task = session.dataTask(with: request)
    receiver.expect(task.taskIdentifier)
    let deadline = ContinuousClock.now + .seconds(seconds)
    task.resume()
    while !receiver.isDone(within: 0.1) {
      let isLate = ContinuousClock.now >= deadline
      guard isLate || isClosed() else { continue }
      // It may wait for as long as more keeps coming.
      DispatchQueue.global().async { task.cancel() }
      throw isLate
        ? ServiceFailure("gave no answer within \(seconds.formatted()) s")
        : ServiceFailure("was not waited for", mayRetry: false)
    }
    let answer = receiver.answer
    guard !answer.isTooLong else {
      throw ServiceFailure("must answer with at most \(byteLimit) bytes, got more")
    }
    if let error = answer.error {
      throw ServiceFailure(
        Self.words(for: error, hasBegun: answer.status != nil, seconds: seconds))
    }
    guard let status = answer.status else { throw ServiceFailure("closed the connection") }
    return (status, answer.body)
  }

  /// What went wrong, as Foundation tells it of libcurl.
  ///
  /// - Parameter hasBegun: Whether the head of an answer came.
  private static func words(for error: any Error, hasBegun: Bool, seconds: Double) -> String {
    guard let error = error as? URLError else { return "cannot be asked: \(error)" }
    return switch error.code {
    case .timedOut: "gave no answer within \(seconds.formatted()) s"
    case .cannotFindHost, .dnsLookupFailed: "has a host that is not known"
    case .cannotConnectToHost: "takes no connections"
    // An answer of no bytes is a bad one.
    case .networkConnectionLost, .badServerResponse: "closed the connection"
    case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
      .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot:
      "cannot be trusted: its certificate is not valid here"
    // What does not begin as HTTP/1 does is taken for HTTP/0.9.
    case .unsupportedURL, .cannotParseResponse: "must answer in HTTP, got something else"
    default:
      hasBegun ? "closed the connection" : "cannot be asked: \(error.localizedDescription)"
    }
  }
}

/// Takes what comes back of one request at a time.
private final class Receiver: NSObject, URLSessionDataDelegate, Sendable {
  struct Answer {
    var task = 0
    var status: Int?
    var body = Data()
    var isTooLong = false
    var error: (any Error)?
    var isDone = false
  }

  private let byteLimit: Int
  private let state = Mutex(Answer())
  private let change = DispatchSemaphore(value: 0)

  init(byteLimit: Int) {
    self.byteLimit = byteLimit
  }

  /// Drops what comes of any other task.
  func expect(_ task: Int) {
    state.withLock { $0 = Answer(task: task) }
  }

  /// Waits for the end of the answer, so many seconds at most.
  func isDone(within seconds: Double) -> Bool {
    // Earlier tasks may have signalled: what counts is the state.
    _ = change.wait(timeout: .now() + seconds)
    return state.withLock(\.isDone)
  }

  var answer: Answer { state.withLock(\.self) }

  private func update(_ task: URLSessionTask, _ change: (inout Answer) -> Void) {
    state.withLock { if $0.task == task.taskIdentifier { change(&$0) } }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) {
    update(task) { $0.status = response.statusCode }
    completionHandler(nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    let isTooLong = response.expectedContentLength > Int64(byteLimit)
    update(dataTask) { answer in
      answer.status = (response as? HTTPURLResponse)?.statusCode
      answer.isTooLong = isTooLong
    }
    completionHandler(isTooLong ? .cancel : .allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    update(dataTask) { answer in
      answer.isTooLong = answer.isTooLong || answer.body.count + data.count > byteLimit
      if !answer.isTooLong { answer.body += data }
    }
    guard state.withLock(\.isTooLong) else { return }
    update(dataTask) { $0.isDone = true }
    change.signal()
    // Last, since it may wait too.
    dataTask.cancel()
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    update(task) { answer in
      answer.error = error
      answer.isDone = true
    }
    change.signal()
  }
}
