import FlyingSocks
import Glibc
import Logging
import Synchronization

/// Answers over HTTP how the daemon is: `/`, `/api/streams`, `/metrics`, `/healthz`, `/readyz` and pictures.
///
/// Nobody has to say who they are: where others than the machine's own users are to see it, a proxy belongs before it. On a
/// loopback address only requests that name it are answered, so that no page of another site reads it through a browser (DNS
/// rebinding).
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
                "http: cannot listen on \(address): \(reason); choose another address with --http, or off"
            }
        }
    }

    private let host: String
    /// The port that was asked for; with 0 the system chooses one.
    let port: Int
    private let limits: HTTPListener.Limits
    private let routes: StatusRoutes
    private let logger: Logger
    private let run = Mutex<Task<Void, Never>?>(nil)

    /// - Throws: `Failure.badAddress`.
    init(
        host: String, port: Int, inspection: any ServiceInspection, logger: Logger,
        limits: HTTPListener.Limits = HTTPListener.Limits()
    ) throws {
        self.host = Self.numeric(host)
        self.port = port
        self.limits = limits
        self.logger = logger
        routes = StatusRoutes(inspection: inspection, isLoopback: Self.isLoopback(host))
        guard Self.ip4(self.host, port) != nil || Self.ip6(self.host, port) != nil else {
            throw Failure.badAddress(host)
        }
    }

    /// Begins to listen and to answer; also once more after it was stopped.
    ///
    /// - Returns: The port, which the system has chosen where 0 was asked for.
    /// - Throws: `Failure.cannotListen`.
    @discardableResult
    func start() async throws -> Int {
        let listener: HTTPListener
        do {
            let routes = routes
            if let address = Self.ip4(host, port) {
                listener = try HTTPListener(address: address, limits: limits) { await routes.answer($0) }
            } else if let address = Self.ip6(host, port) {
                listener = try HTTPListener(address: address, limits: limits) { await routes.answer($0) }
            } else {
                throw Failure.badAddress(host)
            }
        } catch let error as SocketError {
            throw Failure.cannotListen(address: written(port), reason: Self.reason(error))
        }
        let logger = logger
        let task = Task {
            do {
                try await listener.run()
            } catch {
                logger.critical("the status page answers no longer", metadata: ["reason": "\(error)"])
            }
        }
        run.withLock { $0 = task }
        let address = written(listener.port)
        if !Self.isLoopback(host) {
            logger.warning(
                "the status page answers everybody who reaches this address", metadata: ["address": "\(address)"])
        }
        logger.info("status page", metadata: ["url": "http://\(address)/"])
        return listener.port
    }

    /// Closes all connections and gives the port back.
    func stop() async {
        let task = run.withLock { run in
            defer { run = nil }
            return run
        }
        task?.cancel()
        await task?.value
    }

    /// Whether the server was made for that address, however it is written.
    func isMeant(by address: ServiceConfiguration.HTTP) -> Bool {
        port == address.port && host == Self.numeric(address.host)
    }

    private static func numeric(_ host: String) -> String { host == "localhost" ? "127.0.0.1" : host }

    private func written(_ port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static func ip4(_ host: String, _ port: Int) -> sockaddr_in? {
        try? .inet(ip4: host, port: UInt16(clamping: port))
    }

    private static func ip6(_ host: String, _ port: Int) -> sockaddr_in6? {
        try? .inet6(ip6: host, port: UInt16(clamping: port))
    }

    private static func reason(_ error: SocketError) -> String {
        guard case .failed(_, _, let message) = error else { return "\(error)" }
        return message
    }

    static func isLoopback(_ host: String) -> Bool {
        guard !host.hasPrefix("127.") else { return ip4(host, 0) != nil }
        return host == "localhost" || host == "::1"
    }
}
