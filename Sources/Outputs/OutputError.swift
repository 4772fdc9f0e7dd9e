import Glibc

/// Why an output cannot be opened, or a socket not be read.
public enum OutputError: Error, Equatable, CustomStringConvertible {
    /// The name of a socket has more bytes than the system takes.
    case nameTooLong(path: String, limit: Int)
    /// The folder of a socket does not exist.
    case noFolder(path: String, folder: String)
    /// Somebody answers on the socket.
    case inUse(path: String)
    /// Something else has the socket's name.
    case notASocket(path: String)
    /// An inherited descriptor is not what was needed.
    case wrongDescriptor(descriptor: Int32, reason: String)
    /// A user or group that the system does not know; `kind` is `user` or `group`.
    case unknownAccount(kind: String, name: String)
    /// Nothing has the socket's name.
    case missing(path: String)
    /// Nobody listens on the socket.
    case nobodyListens(path: String)
    /// The system refused; `action` is a verb, `reason` the system's own words.
    case refused(action: String, name: String, reason: String)
    /// A line of a socket that has no end in sight.
    case lineTooLong(path: String, limit: Int)
    /// An option that cannot be.
    case wrongOption(option: String, reason: String)

    public var description: String {
        switch self {
        case .nameTooLong(let path, let limit):
            "\(path): the name of a socket can have \(limit) bytes; choose a shorter one"
        case .noFolder(let path, let folder):
            "\(path): the folder \(folder) does not exist; create it first"
        case .inUse(let path):
            "\(path): in use by a running process; stop that one or choose another name"
        case .notASocket(let path): "\(path): is not a socket; name another one"
        case .wrongDescriptor(let descriptor, let reason): "descriptor \(descriptor): \(reason)"
        case .unknownAccount(let kind, let name):
            "the \(kind) \(name) is not known; create it or give a number"
        case .missing(let path): "\(path): there is no such socket; is the daemon running?"
        case .nobodyListens(let path): "\(path): no daemon listens on this socket; start it first"
        case .refused(let action, let name, let reason): "\(name): cannot \(action): \(reason)"
        case .lineTooLong(let path, let limit):
            "\(path): sends a line of more than \(limit) bytes, which is none of segmentd's"
        case .wrongOption(let option, let reason): "\(option): \(reason)"
        }
    }
}

/// The system's words for an error number.
func systemReason(_ code: CInt) -> String { String(cString: strerror(code)) }
