import Glibc

/// A file that appears under its name only once it is whole.
///
/// The bytes go to a hidden neighbour of the final name; `commit()` makes them durable and renames. Without a commit the
/// neighbour is removed, and whatever had the final name before is untouched. A name that belongs to a pipe or a device
/// (`/dev/null`, a FIFO) is written straight, since there is nothing to rename.
///
/// Not for two threads at once. Writing to a pipe whose reader has gone raises SIGPIPE; a program that ignores the signal gets
/// `FileError.readerGone` instead.
public final class AtomicFile {
    /// The final name.
    public let path: String
    /// Where the bytes are until `commit()`; for libraries that open their output by name.
    public let temporaryPath: String
    /// Whether the name appears with `commit()`; false for pipes, devices and standard output, which get the bytes at once.
    public let isRenamed: Bool

    /// Final name with symbolic links followed, so that a commit replaces the file and not the link.
    private let target: String
    private var descriptor: CInt
    private let ownsDescriptor: Bool

    /// Opens the temporary neighbour.
    ///
    /// - Throws: `FileError` where the name is a folder, or its folder is missing or not writable.
    public init(path: String) throws {
        self.path = path
        guard !path.isEmpty else { throw FileError.refused(action: "write", path: "\"\"", reason: "the name is empty") }
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists && status.st_mode & S_IFMT == S_IFDIR { throw FileError.isDirectory(path: path) }
        if path.utf8.last == UInt8(ascii: "/") { throw FileError.isDirectory(path: path) }
        ownsDescriptor = true
        if exists && status.st_mode & S_IFMT != S_IFREG {
            isRenamed = false
            target = path
            temporaryPath = path
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileError(action: "write", path: path, code: errno) }
            return
        }
        if exists && access(path, W_OK) != 0 { throw FileError(action: "write", path: path, code: errno) }
        isRenamed = true
        target = exists ? Self.resolved(path) : path
        let folder = Folder.containing(target)
        let name = target.split(separator: "/").last.map(String.init) ?? target
        // A name may have 255 bytes; the neighbour's needs 13 more.
        let stem = String(decoding: name.utf8.prefix(200), as: UTF8.self)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<64 {
            let suffix = String(UInt32.random(in: (1 << 30)...UInt32.max, using: &generator), radix: 36)
            let candidate = "\(folder)/.\(stem).\(suffix).part"
            let opened = open(candidate, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if opened < 0 && errno == EEXIST { continue }
            guard opened >= 0 else { throw FileError(action: "write", path: path, code: errno) }
            if exists { fchmod(opened, status.st_mode & 0o777) }
            temporaryPath = candidate
            descriptor = opened
            return
        }
        throw FileError.refused(action: "write", path: path, reason: "no free temporary name beside it")
    }

    private init(standardOutput path: String) {
        self.path = path
        (temporaryPath, target) = (path, path)
        (isRenamed, ownsDescriptor) = (false, false)
        descriptor = STDOUT_FILENO
    }

    /// The process's standard output behind the same interface; nothing is renamed and nothing closed.
    public static func standardOutput() -> AtomicFile { AtomicFile(standardOutput: "standard output") }

    deinit { cancel() }

    /// Appends bytes; all of them, or it throws.
    ///
    /// - Throws: `FileError`, `.diskFull` and `.readerGone` among them. The file is then to be cancelled.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        precondition(descriptor >= 0, "the file is still open")
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let written = Glibc.write(descriptor, slice.baseAddress, slice.count)
            if written < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    // A pipe that somebody made non-blocking: wait until it takes more.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                    continue
                }
                throw FileError(action: "write", path: path, code: errno)
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Appends bytes; all of them, or it throws `FileError`.
    public func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Writes a text that appears under its name only when it is whole.
    ///
    /// - Throws: `FileError`; then nothing of it stays.
    public static func write(_ text: String, to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(Array(text.utf8))
        try file.commit()
    }

    /// Makes the bytes durable and gives them their final name.
    ///
    /// - Throws: `FileError`; the temporary neighbour is then removed.
    public func commit() throws {
        guard descriptor >= 0 else { return }
        guard isRenamed else { return try closeDescriptor() }
        do {
            guard fsync(descriptor) == 0 else { throw FileError(action: "write", path: path, code: errno) }
            try closeDescriptor()
            guard rename(temporaryPath, target) == 0 else { throw FileError(action: "write", path: path, code: errno) }
        } catch {
            cancel()
            unlink(temporaryPath)
            throw error
        }
        // The new name itself is in the folder; where folders cannot be synchronised, the file is none the worse.
        let directory = open(Folder.containing(target), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    /// Removes what has been written; nothing appears under the final name. Without effect after `commit()`.
    public func cancel() {
        guard descriptor >= 0 else { return }
        if ownsDescriptor { close(descriptor) }
        descriptor = -1
        if isRenamed { unlink(temporaryPath) }
    }

    private func closeDescriptor() throws {
        let closing = descriptor
        descriptor = -1
        // Network file systems report a full disk only here.
        if ownsDescriptor && close(closing) != 0 && errno != EINTR {
            throw FileError(action: "write", path: path, code: errno)
        }
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
