import Foundation

/// A server whose paths each misbehave in a way of their own.
final class TestServer: Sendable {
  /// `http://127.0.0.1:<port>`
  let address: String
  private let process: Process

  /// The one that all tests ask; it ends with the test process, as its standard input does.
  static let shared = TestServer()

  private init() {
    process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", Self.program]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    do {
      try process.run()
    } catch {
      preconditionFailure("python3 is needed: \(error)")
    }
    let line = output.fileHandleForReading.availableData
    address = "http://127.0.0.1:" + String(decoding: line, as: UTF8.self).prefix { $0.isNumber }
  }

  func url(_ path: String) -> URL {
    guard let url = URL(string: address + path) else { preconditionFailure(path) }
    return url
  }

  /// What the server was asked at a path so far.
  func count(_ path: String) throws -> Int {
    let text = try String(contentsOf: url("/count?\(path)"), encoding: .utf8)
    return Int(text) ?? -1
  }

  private static let program = #"""
    import collections, gzip, json, socketserver, sys, threading, time
    from http.server import BaseHTTPRequestHandler

    counts = collections.Counter()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments): pass

        def do_GET(self):
            self.answer(str(counts[self.path.split("?")[1]]))

        def answer(self, body, status=200, headers={}, length=None):
            body = body if isinstance(body, bytes) else body.encode()
            self.send_response(status)
            for name, value in headers.items(): self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            path = self.path.split("?")[0]
            counts[path] += 1
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            scores = json.dumps({"scores": [json.loads(prompt) for prompt in request["prompts"]]})
            try:
                getattr(self, path[1:].replace("-", "_").split("/")[0])(request, scores)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def ok(self, request, scores): self.answer(scores)
        def slow(self, request, scores): time.sleep(0.05); self.answer(scores)
        def keys(self, request, scores):
            reason = json.dumps([sorted(request), self.headers["Content-Type"]])
            self.answer(json.dumps({"error": reason}))
        def silent(self, request, scores): time.sleep(20)
        def drip(self, request, scores):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)
        def drip_headers(self, request, scores):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X: y\r\n")
                time.sleep(0.05)
        def huge(self, request, scores): self.answer(b" " * 3_000_000)
        def huge_promise(self, request, scores): self.answer(b"", length=10**15)
        def endless(self, request, scores):
            self.send_response(200)
            self.end_headers()
            while True: self.wfile.write(b" " * 65536)
        def bomb(self, request, scores):
            self.answer(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"})
        def redirect(self, request, scores):
            self.answer("", 307, {"Location": "/ok/redirected"})
        def error(self, request, scores): self.answer("<h1>broken</h1>", 500)
        def bad(self, request, scores): self.answer("no such prompt", 400)
        def picky(self, request, scores):
            self.answer(*(("no such prompt", 400) if "-1" in request["prompts"] else (scores,)))
        def secret(self, request, scores):
            self.answer("you sent " + str(self.headers["Authorization"]), 401)
        def authorized(self, request, scores):
            self.answer(scores if self.headers["Authorization"] == "Bearer 7h3-k3y" else "{}")
        def closes(self, request, scores): self.connection.close()
        def short(self, request, scores): self.answer(scores, length=1000); self.connection.close()
        def no_http(self, request, scores): self.wfile.write(b"\x00\x01 hello\r\n\r\n")
        def html(self, request, scores): self.answer("<html>sign in</html>")
        def too_few(self, request, scores): self.answer('{"scores": []}')
        def nan(self, request, scores): self.answer('{"scores": [NaN, NaN]}')
        def refuses(self, request, scores): self.answer('{"error": "no face"}')
        def flaky(self, request, scores):
            self.answer(scores if counts[self.path] % 3 == 0 else "", 200 if counts[self.path] % 3 == 0 else 503)

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request, address): pass

    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    """#
}
