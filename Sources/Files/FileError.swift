import Glibc

/// Why a file could not be read or written.
public enum FileError: Error, Equatable, CustomStringConvertible {
    /// Nothing has that name.
    case missing(path: String)
    /// The name belongs to a folder.
    case isDirectory(path: String)
    /// A pipe or device where a file with a length is needed.
    case notRegular(path: String)
    /// The system refused; `action` is a verb such as `read`, `reason` the system's own words.
    case refused(action: String, path: String, reason: String)
    /// The folder that should hold a new file does not exist.
    case noFolder(path: String, folder: String)
    /// The disk or the quota is exhausted.
    case diskFull(path: String)
    /// Whoever read the other end of the pipe or socket has gone.
    case readerGone(path: String)

    public var description: String {
        switch self {
        case .missing(let path): "\(path): there is no such file"
        case .isDirectory(let path): "\(path): is a folder; name a file"
        case .notRegular(let path): "\(path): is a pipe or a device; name a file"
        case .refused(let action, let path, let reason): "\(path): cannot \(action): \(reason)"
        case .noFolder(let path, let folder):
            "\(path): cannot write: the folder \(folder) does not exist; create it first"
        case .diskFull(let path): "\(path): cannot write: the disk is full; free some space and run again"
        case .readerGone(let path): "\(path): cannot write: the reader has closed its end"
        }
    }

    /// Puts the system's error number into words.
    public init(action: String, path: String, code: CInt) {
        self =
            switch code {
            case ENOENT where ["read", "map", "open"].contains(action): .missing(path: path)
            case ENOENT where action == "write": .noFolder(path: path, folder: Folder.containing(path))
            case EISDIR where ["read", "write"].contains(action): .isDirectory(path: path)
            case ENOSPC, EDQUOT: .diskFull(path: path)
            case EPIPE: .readerGone(path: path)
            default: .refused(action: action, path: path, reason: String(cString: strerror(code)))
            }
    }
}
