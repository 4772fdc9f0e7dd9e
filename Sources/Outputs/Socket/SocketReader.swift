import Glibc

/// Reads lines from a Unix socket, as a consumer does.
///
/// Not for two threads at once.
public final class SocketReader {
    /// The most bytes of a line, unless told otherwise; a frame with a hundred large masks has some hundred thousand.
    public static let maxLine = 64 << 20

    private let path: String
    private let limit: Int
    private let descriptor: CInt
    /// Bytes that were received; those before `start` have been handed out, and those before `searched` have no line's end.
    private var buffer: [UInt8] = []
    private var (start, searched) = (0, 0)
    private var chunk = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects.
    ///
    /// - Throws: `OutputError`: there is no such socket, it is something else, nobody listens on it, or it may not be opened.
    public init(path: String, maxLine: Int = SocketReader.maxLine) throws {
        self.path = path
        limit = maxLine
        var status = stat()
        // To the system, a file that is no socket is just one where nobody listens.
        if stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFSOCK {
            throw OutputError.notASocket(path: path)
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw OutputError.refused(action: "make a socket", name: path, reason: systemReason(errno))
        }
        do {
            let code = try SocketAddress.with(path: path) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
            switch code {
            case 0: break
            case ENOENT, ENOTDIR: throw OutputError.missing(path: path)
            case ECONNREFUSED: throw OutputError.nobodyListens(path: path)
            default: throw OutputError.refused(action: "connect", name: path, reason: systemReason(code))
            }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The next line with its end; waits for it.
    ///
    /// - Returns: Nil when the daemon has closed the connection. A line that was cut by that is not returned.
    /// - Throws: `OutputError`.
    public func next() throws -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { (start, searched) = (end + 1, end + 1) }
                return buffer[start...end]
            }
            searched = buffer.count
            guard buffer.count - start < limit else { throw OutputError.lineTooLong(path: path, limit: limit) }
            if start > 0 {
                buffer.removeFirst(start)
                (start, searched) = (0, buffer.count)
            }
            let got = read(descriptor, &chunk, chunk.count)
            if got < 0 && errno == EINTR { continue }
            // A daemon that was killed is one that has closed.
            if got == 0 || got < 0 && errno == ECONNRESET { return nil }
            guard got > 0 else {
                throw OutputError.refused(action: "read", name: path, reason: systemReason(errno))
            }
            buffer.append(contentsOf: chunk[..<got])
        }
    }
}
