import Files
import Glibc

/// A listening Unix socket and its name in the file system.
///
/// A new socket listens under a hidden name before it gets its own by renaming, so that a client never meets a name where nobody listens,
/// and a file that a killed daemon left is replaced without a moment in between. Two daemons that start at once cannot take each other's
/// name: looking and renaming happen under a lock on the folder (flock(2)), and the one that comes second finds that somebody answers. The
/// lock is on the folder because it leaves no file behind, and it is let go at once, because from then on the answer is the proof of life.
struct SocketFile {
    let path: String
    /// The listening socket; whoever holds this value closes it.
    let descriptor: CInt
    /// Device and inode of the file that is ours; nil where somebody else made it.
    private let identity: Identity?

    private struct Identity: Equatable {
        var device: dev_t
        var inode: ino_t

        /// That of the file itself, not of where a link points to.
        init?(path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            (device, inode) = (status.st_dev, status.st_ino)
        }
    }

    /// Makes a socket and gives it its name.
    ///
    /// - Throws: `OutputError`.
    init(path: String, options: SocketOptions) throws {
        self.path = path
        let owner = try options.owner.map(SocketOptions.userID) ?? uid_t.max
        let group = try options.group.map(SocketOptions.groupID) ?? gid_t.max
        // Looks whether the name can be one before anything is locked or made.
        try SocketAddress.with(path: path) { _, _ in }
        let lock = try Self.lockFolder(of: path)
        defer { close(lock) }
        try Self.requireFree(path)
        descriptor = try SocketAddress.makeSocket(for: path)
        do {
            let hidden = try Self.bind(descriptor, besides: path)
            do {
                let isOwned = owner == uid_t.max && group == gid_t.max || chown(hidden, owner, group) == 0
                guard isOwned else { throw Self.refusal("give the socket to its owner", path) }
                guard chmod(hidden, options.mode) == 0 else { throw Self.refusal("set the mode", path) }
                guard listen(descriptor, SOMAXCONN) == 0 else { throw Self.refusal("listen", path) }
                identity = Identity(path: hidden)
                guard rename(hidden, path) == 0 else { throw Self.refusal("name the socket", path) }
            } catch {
                unlink(hidden)
                throw error
            }
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Takes part in a socket that somebody else has made and named, by a duplicate of the descriptor.
    ///
    /// The original stays open: it is handed over once in a process's life, and whoever wants the socket again after this value has been
    /// closed needs it.
    ///
    /// - Throws: `OutputError`: `wrongDescriptor` where it is not a listening Unix stream socket, or no descriptor is free.
    init(inherited descriptor: CInt) throws {
        var (kind, listens) = (CInt(0), CInt(0))
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard let path = SocketAddress.path(boundTo: descriptor),
            getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &length) == 0, kind == CInt(SOCK_STREAM.rawValue),
            getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0, listens != 0
        else {
            throw OutputError.wrongDescriptor(
                descriptor: descriptor,
                reason: "is not a listening Unix stream socket with a name; see ListenStream= in the socket unit")
        }
        // Below 3 are the descriptors of standard input and output.
        let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard duplicate >= 0 else { throw Self.refusal("duplicate the descriptor of the socket unit", path) }
        self.path = path
        self.descriptor = duplicate
        identity = nil
        SocketAddress.prepare(duplicate)
    }

    /// Removes the name, if it is still this socket's.
    func removeName() {
        guard let identity, let lock = try? Self.lockFolder(of: path) else { return }
        defer { close(lock) }
        if Identity(path: path) == identity { unlink(path) }
    }

    /// Holds the lock for as long as the descriptor is open.
    private static func lockFolder(of path: String) throws -> CInt {
        let folder = Folder.containing(path)
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 && (errno == ENOENT || errno == ENOTDIR) {
            throw OutputError.noFolder(path: path, folder: folder)
        }
        guard descriptor >= 0 else { throw refusal("open the folder", path) }
        // Others hold it for as long as a rename takes; somebody who keeps it must not keep the daemon from starting for ever.
        for _ in 0..<100 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(20_000)
        }
        let code = errno
        close(descriptor)
        throw OutputError.refused(
            action: "lock the folder", name: path,
            reason: code == EWOULDBLOCK ? "another process holds a lock on \(folder)" : systemReason(code))
    }

    /// Sees to it that nobody uses the name.
    private static func requireFree(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw refusal("look at it", path)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw OutputError.notASocket(path: path) }
        let probe = try SocketAddress.makeSocket(for: path)
        defer { close(probe) }
        let code = try SocketAddress.with(path: path) { connect(probe, $0, $1) == 0 ? 0 : errno }
        switch code {
        case ECONNREFUSED, ENOENT: return
        // Many wait already to be let in, by somebody who is alive.
        case 0, EAGAIN: throw OutputError.inUse(path: path)
        case EPROTOTYPE:
            throw OutputError.refused(
                action: "replace", name: path, reason: "it is a socket of another kind, not for segmentd's consumers")
        default: throw OutputError.refused(action: "see who listens", name: path, reason: systemReason(code))
        }
    }

    /// Binds the socket to a hidden name in the same folder.
    private static func bind(_ descriptor: CInt, besides path: String) throws -> String {
        // The name is made with no more rights than these, whatever comes next.
        fchmod(descriptor, 0o600)
        let folder = Folder.containing(path)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<64 {
            let suffix = String(UInt32.random(in: 60_466_176...UInt32.max, using: &generator), radix: 36)
            let hidden = "\(folder)/.\(suffix)"
            let code = try SocketAddress.with(path: hidden) { Glibc.bind(descriptor, $0, $1) == 0 ? 0 : errno }
            if code == 0 { return hidden }
            guard code == EADDRINUSE else {
                throw OutputError.refused(action: "make the socket", name: path, reason: systemReason(code))
            }
        }
        throw OutputError.refused(action: "make the socket", name: path, reason: "no free temporary name beside it")
    }

    private static func refusal(_ action: String, _ path: String) -> OutputError {
        .refused(action: action, name: path, reason: systemReason(errno))
    }
}
