import Glibc

/// The sockets that systemd opened before it started the process (sd_listen_fds(3)).
public struct SocketActivation: Sendable {
    /// One socket that was handed over.
    public struct Socket: Sendable, Equatable {
        public var descriptor: Int32
        /// The name of the unit's `FileDescriptorName=`, often that of the socket unit.
        public var name: String
        /// The name in the file system that the socket is bound to; nil where it has none.
        public var path: String?
    }

    /// In the order of the unit's `ListenStream=` lines.
    public let sockets: [Socket]

    /// Reads what was handed to this process and takes the variables away, so that no child mistakes them for its own.
    public static func take() -> SocketActivation {
        let names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
        var environment: [String: String] = [:]
        for name in names {
            environment[name] = getenv(name).map { String(cString: $0) }
            unsetenv(name)
        }
        return SocketActivation(environment: environment)
    }

    /// - Parameter first: The first descriptor handed over.
    init(environment: [String: String], process: pid_t = getpid(), first: CInt = 3) {
        guard let owner = environment["LISTEN_PID"].flatMap({ pid_t($0) }), owner == process,
            let count = environment["LISTEN_FDS"].flatMap({ CInt($0) }), count > 0, count <= 1024
        else {
            sockets = []
            return
        }
        let names = environment["LISTEN_FDNAMES"].map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
        sockets = (0..<count).compactMap { index in
            let descriptor = first + index
            guard fcntl(descriptor, F_GETFD) >= 0 else { return nil }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let name = names.flatMap { Int(index) < $0.count ? $0[Int(index)] : nil } ?? "unknown"
            return Socket(descriptor: descriptor, name: name, path: SocketAddress.path(boundTo: descriptor))
        }
    }

    /// The descriptor that is bound to a path, however the path is written. It stays open for the process's life; `SocketOutput` serves a
    /// duplicate of it.
    public func descriptor(forPath path: String) -> Int32? {
        let wanted = Self.resolved(path)
        return sockets.first { $0.path == path || $0.path.map(Self.resolved) == wanted }?.descriptor
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
