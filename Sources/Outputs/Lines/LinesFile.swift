import Files
import Glibc
import Instances

/// A file of lines that is open for appending.
///
/// Not for two threads at once.
final class LinesFile {
    let path: String
    /// Bytes in the file; 0 for pipes and devices.
    private(set) var size = 0
    /// Whether the file can be cut, renamed and followed by another; false for pipes, devices and standard output.
    let isRegular: Bool
    /// When something was last written to the file, before it was opened.
    let lastChange: WallClock?
    /// Bytes of a line that somebody had begun and not ended, which were cut off when the file was opened.
    private(set) var cutOff = 0

    /// write(2), or what a test has in its place.
    typealias Write = @Sendable (CInt, UnsafeRawPointer, Int) -> Int

    private let descriptor: CInt
    private let ownsDescriptor: Bool
    private let append: Write

    /// What writing came to.
    struct Written {
        /// Lines that are in the file as a whole.
        var lines: Int
        /// Why it is not all of them.
        var error: FileError?
    }

    /// Opens a file, and makes it where there is none.
    ///
    /// A process that was killed while it wrote leaves a line that is cut. Such a line is no JSON, so it is taken away, if it begins as
    /// records do. What begins otherwise is somebody else's, and is left and ended.
    ///
    /// - Parameter path: `-` is standard output.
    /// - Throws: `FileError`, also where another process has the file open for lines.
    init(path: String, append: @escaping Write = { Glibc.write($0, $1, $2) }) throws {
        var status = stat()
        self.append = append
        if path == "-" {
            self.path = "standard output"
            (descriptor, ownsDescriptor, isRegular, lastChange) = (STDOUT_FILENO, false, false, nil)
            return
        }
        self.path = path
        ownsDescriptor = true
        guard !path.isEmpty else { throw FileError.refused(action: "write", path: "\"\"", reason: "the name is empty") }
        // A pipe that this process could read itself would never lack a reader.
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        // Opening a pipe that nobody reads would wait for ever.
        let flags = O_APPEND | O_CLOEXEC | O_NONBLOCK
        let opened = isSpecial ? open(path, O_WRONLY | flags) : open(path, O_RDWR | O_CREAT | flags, 0o666)
        guard opened >= 0 else { throw Self.failure("write", path, errno) }
        descriptor = opened
        _ = fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) & ~O_NONBLOCK)
        isRegular = fstat(opened, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        guard isRegular else {
            lastChange = nil
            return
        }
        // Two processes that rotate one file would take it from each other. File systems without locks have none to give.
        if flock(opened, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
            close(opened)
            throw FileError.refused(action: "write", path: path, reason: "another process or stream writes to it")
        }
        size = Int(status.st_size)
        lastChange =
            size == 0
            ? nil : WallClock(seconds: Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9)
        endLastLine()
    }

    deinit { if ownsDescriptor { close(descriptor) } }

    /// Appends lines, all in one call of the system, so that others who append never come in between.
    ///
    /// A line that only a part of has found room is taken back.
    func write(_ records: some Sequence<EncodedRecord>, bytes: Int) -> Written {
        var buffer: [UInt8] = []
        buffer.reserveCapacity(bytes)
        var ends: [Int] = []
        for record in records {
            buffer.append(contentsOf: record.line)
            ends.append(buffer.count)
        }
        var (done, code) = (0, CInt(0))
        while done < buffer.count && code == 0 {
            let count = buffer.withUnsafeBytes { append(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    // A pipe that somebody else made non-blocking.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                    continue
                }
                code = errno
            } else {
                done += count
            }
        }
        let lines = ends.firstIndex { $0 > done } ?? ends.count
        let whole = lines == 0 ? 0 : ends[lines - 1]
        if isRegular {
            if done > whole { ftruncate(descriptor, off_t(size + whole)) }
            size += whole
        }
        return Written(lines: lines, error: code == 0 ? nil : Self.failure("write", path, code))
    }

    /// Makes what was written durable.
    ///
    /// - Throws: `FileError`.
    func synchronise() throws {
        guard isRegular, fdatasync(descriptor) != 0 else { return }
        throw Self.failure("make durable", path, errno)
    }

    /// Whether the file still has its name: nobody has moved or removed it.
    var hasItsName: Bool {
        guard isRegular else { return true }
        var (own, named) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && stat(path, &named) == 0 && own.st_ino == named.st_ino
            && own.st_dev == named.st_dev
    }

    private func endLastLine() {
        guard size > 0 else { return }
        var start = size
        var found = false
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while start > 0 && !found {
            let count = min(chunk.count, start)
            guard pread(descriptor, &chunk, count, off_t(start - count)) == count else { return }
            if let newline = chunk[..<count].lastIndex(of: 10) {
                start -= count - newline - 1
                found = true
            } else {
                start -= count
            }
        }
        guard start < size else { return }
        let wanted = Array(#"{"type":""#.utf8)
        let count = min(wanted.count, size - start)
        guard pread(descriptor, &chunk, count, off_t(start)) == count else { return }
        if chunk[..<count].elementsEqual(wanted[..<count]), ftruncate(descriptor, off_t(start)) == 0 {
            cutOff = size - start
            size = start
        } else if Glibc.write(descriptor, "\n", 1) == 1 {
            size += 1
        }
    }

    private static func failure(_ action: String, _ path: String, _ code: CInt) -> FileError {
        code == ENXIO
            ? .refused(action: action, path: path, reason: "nobody reads the pipe")
            : FileError(action: action, path: path, code: code)
    }
}
