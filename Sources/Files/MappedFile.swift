import Glibc

/// A whole file as read-only memory, without reading it first.
///
/// The pages come from the disk when they are touched. A file that somebody else shortens while it is mapped ends the
/// process with SIGBUS when the lost part is read, which is why this project replaces files by renaming only.
// Sendable: the mapping is private and read-only, and never changes after the initialiser.
public final class MappedFile: @unchecked Sendable {
    /// The name under which the file was opened.
    public let path: String
    /// The file's length, bytes.
    public var count: Int { bytes.count }

    private let bytes: UnsafeRawBufferPointer
    /// Whether the pages can be read from the disk again.
    private let isBackedByFile: Bool

    /// Maps the file.
    ///
    /// - Throws: `FileError` where it is missing, a folder, a pipe or unreadable.
    public init(path: String) throws {
        self.path = path
        isBackedByFile = true
        // Without O_NONBLOCK, opening a pipe that has no writer would wait for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(action: "read", path: path, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(action: "read", path: path, code: errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw FileError.isDirectory(path: path)
        default: throw FileError.notRegular(path: path)
        }
        let length = Int(status.st_size)
        guard length > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let base = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            throw FileError(action: "map", path: path, code: errno)
        }
        bytes = UnsafeRawBufferPointer(start: base, count: length)
    }

    /// Holds bytes that are in memory already, under a name that no file needs to have.
    public init(path: String, copying content: [UInt8]) throws {
        self.path = path
        isBackedByFile = false
        guard !content.isEmpty else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let base = mmap(nil, content.count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let base, base != MAP_FAILED else { throw FileError(action: "map", path: path, code: errno) }
        base.copyMemory(from: content, byteCount: content.count)
        bytes = UnsafeRawBufferPointer(start: base, count: content.count)
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }

    /// Reads the bytes; the buffer is valid only inside `body`.
    @inlinable
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(buffer) }
    }

    /// Gives the memory of a part that will not be read soon back to the system; a later read brings it from the disk again.
    public func releasePages(_ range: Range<Int>) {
        guard isBackedByFile, let base = bytes.baseAddress else { return }
        let page = Int(getpagesize())
        // The pages at the ends may hold what others still read.
        let (first, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
        guard first < end, end <= bytes.count else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
    }

    @usableFromInline var buffer: UnsafeRawBufferPointer { bytes }
}
