import FlyingFox
import FlyingSocks
import Foundation
import Logging
import Synchronization

/// Answers over HTTP how the daemon is: `/`, `/api/streams`, `/metrics`, `/healthz`, `/readyz` and pictures.
///
/// Nobody has to say who they are: where others than the machine's own users are to see it, a proxy belongs before it. On a loopback
/// address only requests that name it are answered, so that no page of another site reads it through a browser (DNS rebinding).
final class StatusServer: Sendable {
    /// Why the server cannot begin.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case badAddress(String)
        case cannotListen(address: String, reason: String)

        var description: String {
            switch self {
            case .badAddress(let host):
                "http: '\(host)' is no address to listen on; give an IP address of this machine, or localhost"
            case .cannotListen(let address, let reason):
                "http: cannot listen on \(address): \(reason); choose another port with --http, or off"
            }
        }
    }

    private let host: String
    private let port: Int
    private let inspection: any ServiceInspection
    private let logger: Logger
    private let server: HTTPServer
    private let run = Mutex<Task<Void, any Error>?>(nil)

    /// - Throws: `Failure.badAddress`.
    init(host: String, port: Int, inspection: any ServiceInspection, logger: Logger) throws {
        self.host = host
        self.port = port
        self.inspection = inspection
        self.logger = logger
        let number = UInt16(clamping: port)
        let handler = StatusHandler(inspection: inspection, isLoopback: Self.isLoopback(host))
        let name = host == "localhost" ? "127.0.0.1" : host
        if let address = try? sockaddr_in.inet(ip4: name, port: number) {
            server = HTTPServer(address: address, timeout: 10, logger: .disabled, handler: handler)
        } else if let address = try? sockaddr_in6.inet6(ip6: name, port: number) {
            server = HTTPServer(address: address, timeout: 10, logger: .disabled, handler: handler)
        } else {
            throw Failure.badAddress(host)
        }
    }

    /// Begins to listen.
    ///
    /// - Returns: The port, which the system has chosen where 0 was asked for.
    /// - Throws: `Failure.cannotListen`.
    @discardableResult
    func start() async throws -> Int {
        let server = server
        let task = Task { try await server.run() }
        run.withLock { $0 = task }
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let listening = Task { try await server.waitUntilListening(timeout: 5) }
        let failure = Task { () -> (any Error)? in
            defer { listening.cancel() }
            if case .failure(let error) = await task.result { return error }
            return nil
        }
        do {
            try await listening.value
        } catch {
            task.cancel()
            throw Failure.cannotListen(address: address, reason: Self.reason(await failure.value ?? error))
        }
        var chosen = port
        switch await server.listeningAddress {
        case .ip4(_, let number), .ip6(_, let number): chosen = Int(number)
        default: break
        }
        if !Self.isLoopback(host) {
            logger.warning("the status page answers others than this machine", metadata: ["address": "\(address)"])
        }
        logger.info("status page", metadata: ["url": "http://\(host.contains(":") ? "[\(host)]" : host):\(chosen)/"])
        return chosen
    }

    func stop() async {
        await server.stop(timeout: 1)
        run.withLock { $0 }?.cancel()
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case SocketError.failed(_, _, let message): message.isEmpty ? "\(error)" : message
        default: "\(error)"
        }
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}

/// What is answered to which request.
struct StatusHandler: HTTPHandler {
    let inspection: any ServiceInspection
    let isLoopback: Bool

    func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
        var response = await answer(request)
        response.headers[HTTPHeader("X-Content-Type-Options")] = "nosniff"
        response.headers[HTTPHeader("Content-Security-Policy")] =
            "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
        response.headers[HTTPHeader("Cache-Control")] = "no-store"
        return response
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard isLoopback ? Self.namesLoopback(request.headers[.host]) : true else {
            return text(.badRequest, "the request names another host than this machine's own\n")
        }
        guard request.method == .GET || request.method == .HEAD else {
            return text(.methodNotAllowed, "only GET and HEAD\n")
        }
        switch request.path {
        case "/": return content(StatusPage.html, "text/html; charset=utf-8")
        case "/page.css": return content(StatusPage.style, "text/css; charset=utf-8")
        case "/page.js": return content(StatusPage.script, "text/javascript; charset=utf-8")
        case "/api/streams": return content(inspection.snapshot().json(), "application/json")
        case "/metrics":
            return content(PrometheusText(inspection.snapshot()).text, "text/plain; version=0.0.4; charset=utf-8")
        case "/healthz":
            guard let illness = inspection.illness else { return text(.ok, "ok\n") }
            return text(.serviceUnavailable, illness + "\n")
        case "/readyz":
            return inspection.isReady ? text(.ok, "ready\n") : text(.serviceUnavailable, "not ready\n")
        default: return await picture(request) ?? text(.notFound, "there is nothing here\n")
        }
    }

    /// `/streams/NAME/picture.jpg?width=640`.
    private func picture(_ request: HTTPRequest) async -> HTTPResponse? {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "streams", parts[3] == "picture.jpg" else { return nil }
        let name = String(parts[2]).removingPercentEncoding ?? String(parts[2])
        let width = request.query.first { $0.name == "width" }.flatMap { Int($0.value) } ?? 960
        guard let (jpeg, frame) = await inspection.picture(of: name, maxWidth: min(4096, max(16, width))) else {
            // The first look makes the stream draw; a picture comes with its next frame.
            return text(.serviceUnavailable, "there is no picture yet\n")
        }
        var response = HTTPResponse(statusCode: .ok, body: Data(jpeg))
        response.headers[.contentType] = "image/jpeg"
        response.headers[HTTPHeader("X-Frame-Number")] = String(frame)
        return response
    }

    private func content(_ body: String, _ type: String) -> HTTPResponse {
        var response = HTTPResponse(statusCode: .ok, body: Data(body.utf8))
        response.headers[.contentType] = type
        return response
    }

    private func text(_ status: HTTPStatusCode, _ body: String) -> HTTPResponse {
        var response = HTTPResponse(statusCode: status, body: Data(body.utf8))
        response.headers[.contentType] = "text/plain; charset=utf-8"
        return response
    }

    /// Whether a Host header (RFC 9110, section 7.2) means this machine; one that is missing was not sent by a browser.
    static func namesLoopback(_ header: String?) -> Bool {
        guard let header else { return true }
        let host: Substring
        if header.hasPrefix("[") {
            host = header.dropFirst().prefix { $0 != "]" }
        } else {
            host = header.prefix { $0 != ":" }
        }
        return StatusServer.isLoopback(host.lowercased())
    }
}
