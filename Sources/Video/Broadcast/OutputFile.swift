import CFFmpeg
import Files
import Glibc

/// A new file that FFmpeg writes front to back, and whose failures keep the system's own error number.
final class OutputFile {
    let path: String
    /// FFmpeg's side.
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    /// Bytes handed to the system.
    private(set) var count = 0
    /// The first error number that the system gave; 0 while there is none.
    private(set) var failure: CInt = 0
    let descriptor: CInt

    private static let bufferSize = 1 << 16

    /// - Parameter isNew: Whether a file of that name is a failure; otherwise it is overwritten.
    /// - Throws: `FileError`.
    init(path: String, isNew: Bool) throws {
        self.path = path
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (isNew ? O_EXCL : O_TRUNC)
        descriptor = open(path, flags, 0o666)
        guard descriptor >= 0 else { throw FileError(action: "write", path: path, code: errno) }
        let buffer = av_malloc(Self.bufferSize)
        context = segmentd_byte_writer(
            buffer?.assumingMemoryBound(to: UInt8.self), CInt(Self.bufferSize),
            Unmanaged.passUnretained(self).toOpaque(),
            { opaque, bytes, count in
                guard let opaque, let bytes else { return -EINVAL }
                return Unmanaged<OutputFile>.fromOpaque(opaque).takeUnretainedValue().write(bytes, Int(count))
            })
        guard buffer != nil, context != nil else {
            av_free(buffer)
            throw VideoError.outOfMemory
        }
    }

    deinit {
        freeContext()
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    private func freeContext() {
        guard let context else { return }
        av_freep(&context.pointee.buffer)
        avio_context_free(&self.context)
    }

    private func write(_ bytes: UnsafePointer<UInt8>, _ size: Int) -> CInt {
        guard failure == 0 else { return -failure }
        var done = 0
        while done < size {
            let written = Glibc.write(descriptor, bytes + done, size - done)
            if written < 0 {
                if errno == EINTR { continue }
                failure = errno
                return -failure
            }
            done += written
        }
        count += size
        return CInt(size)
    }

    /// Hands the system what FFmpeg's side still holds.
    ///
    /// - Throws: `FileError`.
    func flush() throws {
        if let context { avio_flush(context) }
        try check()
    }

    /// Makes the bytes durable.
    ///
    /// - Throws: `FileError`.
    func synchronize() throws {
        try flush()
        guard fsync(descriptor) == 0 else { throw FileError(action: "write", path: path, code: errno) }
    }

    /// - Throws: `FileError` where a write has failed or the file has lost its name.
    func check() throws {
        guard failure == 0 else { throw FileError(action: "write", path: path, code: failure) }
    }

    /// Whether somebody has removed the file from its folder: what is written then is lost.
    var isRemoved: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink == 0
    }
}
