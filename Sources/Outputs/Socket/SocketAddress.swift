import Glibc

/// The address of a Unix socket in the file system.
enum SocketAddress {
    /// The most bytes of a name (unix(7)); one more ends it.
    static let limit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Calls `body` with the address.
    ///
    /// - Throws: `OutputError.nameTooLong` and what `body` throws.
    static func with<Result>(
        path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
    ) throws -> Result {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw OutputError.refused(action: "open", name: "\"\(path)\"", reason: "that is not a name for a socket")
        }
        guard path.utf8.count <= limit else { throw OutputError.nameTooLong(path: path, limit: limit) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// The name that a socket is bound to, if it is a Unix socket with a name in the file system.
    static func path(boundTo descriptor: CInt) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
        let path = withUnsafeBytes(of: &address.sun_path) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return path.isEmpty ? nil : path
    }

    /// A new Unix stream socket that does not wait and is not handed to other programs.
    ///
    /// - Throws: `OutputError.refused`.
    static func makeSocket(for path: String) throws -> CInt {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else {
            throw OutputError.refused(action: "make a socket", name: path, reason: systemReason(errno))
        }
        return descriptor
    }

    /// Keeps a descriptor from waiting, and from being handed to other programs.
    static func prepare(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
}
