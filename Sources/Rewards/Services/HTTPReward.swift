import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A service that scores pictures over HTTP: each request is the JSON of a ``ScoringRequest`` in the
/// body of a POST, without an id, and its answer the body of a response with the status 200.
///
/// Redirections are not followed, and of the answer only so many bytes are taken. A status of 408, 429
/// or from 500 on, a connection that fails and an answer that breaks the protocol are tried again,
/// where there are several places at another one; any other status is not, but a redirection where
/// another place may do better.
public struct HTTPSettings: Sendable, Equatable {
  /// Where the service is asked: of several, where the fewest requests are under way.
  public var urls: [URL]
  /// Seconds for an answer, the connection included.
  public var timeout: Double
  /// The most bytes of an answer.
  public var maxResponseBytes: Int
  /// The environment variable whose value is sent in the header `Authorization`; `nil`: none is.
  public var authorizationFrom: String?

  /// Settings of a service.
  public init(
    urls: [URL], timeout: Double, maxResponseBytes: Int, authorizationFrom: String? = nil
  ) {
    self.urls = urls
    self.timeout = timeout
    self.maxResponseBytes = maxResponseBytes
    self.authorizationFrom = authorizationFrom
  }
}

extension ServiceReward {
  /// A reward that a service gives over HTTP.
  ///
  /// - Parameter identity: Tells it from other rewards.
  /// - Throws: `RewardError.noVariable`.
  public convenience init(
    name: String, identity: String, limits: Limits, http: HTTPSettings
  ) throws(RewardError) {
    var authorization: String?
    if let variable = http.authorizationFrom {
      let value = ProcessInfo.processInfo.environment[variable] ?? ""
      guard !value.isEmpty, value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
        throw .noVariable(reward: name, variable: variable)
      }
      authorization = value
    }
    let endpoints = Endpoints(http.urls)
    self.init(name: name, identity: identity, limits: limits) { [authorization] _ in
      HTTPChannel(settings: http, endpoints: endpoints, authorization: authorization)
    }
  }
}

/// A connection to the service.
struct HTTPChannel: ScoringChannel {
  private let settings: HTTPSettings
  private let endpoints: Endpoints
  private let authorization: String?
  private let exchange: HTTPExchange

  private(set) var place = "the service"

  init(settings: HTTPSettings, endpoints: Endpoints, authorization: String?) {
    self.settings = settings
    self.endpoints = endpoints
    self.authorization = authorization
    exchange = HTTPExchange(byteLimit: settings.maxResponseBytes)
  }

  mutating func scores(
    for request: ScoringRequest, isClosed: () -> Bool
  ) throws(ServiceFailure) -> [Score] {
    let (index, url) = endpoints.take()
    place = "the service at \(url.withoutSecrets)"
    do throws(ServiceFailure) {
      let scores = try scores(for: request, at: url, isClosed)
      endpoints.giveBack(index, succeeded: true)
      return scores
    } catch {
      // Of what it was not asked rightly it is not to blame.
      endpoints.giveBack(index, succeeded: !error.mayRetry)
      throw error
    }
  }

  private func scores(
    for request: ScoringRequest, at url: URL, _ isClosed: () -> Bool
  ) throws(ServiceFailure) -> [Score] {
    var post = URLRequest(url: url, timeoutInterval: settings.timeout)
    post.httpMethod = "POST"
    post.setValue("application/json", forHTTPHeaderField: "Content-Type")
    post.setValue("application/json", forHTTPHeaderField: "Accept")
    if let authorization { post.setValue(authorization, forHTTPHeaderField: "Authorization") }
    do {
      post.httpBody = try request.json(id: nil, folder: nil)
    } catch {
      throw ServiceFailure("could not be sent the images: \(error)", mayRetry: false)
    }
    do throws(ServiceFailure) {
      let (status, body) = try exchange.answer(
        to: post, seconds: settings.timeout, isClosed: isClosed)
      try check(status, body)
      return try request.scores(inAnswer: body, id: nil)
    } catch {
      throw ServiceFailure(withoutSecrets(error.reason), mayRetry: error.mayRetry)
    }
  }

  private func check(_ status: Int, _ body: Data) throws(ServiceFailure) {
    switch status {
    case 200: return
    case 300..<400:
      throw ServiceFailure(
        "must answer with status 200, got a redirection, status \(status)",
        mayRetry: settings.urls.count > 1)
    default:
      throw ServiceFailure(
        "must answer with status 200, got \(status): \(body.shown)",
        mayRetry: status >= 500 || status == 408 || status == 429)
    }
  }

  /// A service may answer with what it was sent.
  private func withoutSecrets(_ text: String) -> String {
    guard let authorization else { return text }
    let secrets = [authorization] + authorization.split(separator: " ").map(String.init)
    return secrets.reduce(text) { $1.count < 4 ? $0 : $0.replacingOccurrences(of: $1, with: "…") }
  }
}

extension URL {
  /// Scheme, host, port and path: a query may have a key in it.
  fileprivate var withoutSecrets: String {
    let port = port.map { ":\($0)" } ?? ""
    return "\(scheme ?? "")://\(host() ?? "")\(port)\(path())"
  }
}
