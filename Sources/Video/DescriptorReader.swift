import CFFmpeg
import Glibc

/// Feeds FFmpeg from standard input or a named pipe.
///
/// FFmpeg's own pipe protocol cannot be interrupted while it waits for bytes; this one looks up every tenth of a second.
/// Standard input that is a regular file can be sought in, so that `segmentd annotate - < video.mp4` reads any MP4.
final class DescriptorReader {
    /// For `AVFormatContext.pb`; owned here.
    private(set) var context: UnsafeMutablePointer<AVIOContext>?

    private let descriptor: CInt
    private let ownsDescriptor: Bool
    private let isRegular: Bool
    private let interrupter: Interrupter
    /// Bytes read so far.
    private(set) var count: Int64 = 0

    private static let bufferSize: CInt = 64 << 10

    /// Reads a descriptor that somebody else closes, or, with a path, opens that file.
    ///
    /// - Throws: `VideoError`.
    init(descriptor: CInt, path: String? = nil, interrupter: Interrupter) throws {
        self.interrupter = interrupter
        ownsDescriptor = path != nil
        if let path {
            // With O_NONBLOCK the opening itself does not wait for a writer; `wait` does.
            self.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard self.descriptor >= 0 else {
                throw VideoError.unreadable(input: path, reason: String(cString: strerror(errno)))
            }
        } else {
            self.descriptor = descriptor
        }
        var status = stat()
        isRegular = fstat(self.descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        guard let buffer = av_malloc(Int(Self.bufferSize)) else { throw VideoError.outOfMemory }
        let opaque = Unmanaged.passUnretained(self).toOpaque()
        context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Self.bufferSize, 0, opaque,
            { opaque, target, size in
                guard let opaque, let target else { return -EINVAL }
                return Unmanaged<DescriptorReader>.fromOpaque(opaque).takeUnretainedValue().read(target, size)
            }, nil,
            isRegular
                ? { opaque, offset, whence in
                    guard let opaque else { return -Int64(EINVAL) }
                    return Unmanaged<DescriptorReader>.fromOpaque(opaque).takeUnretainedValue().seek(offset, whence)
                } : nil)
        guard context != nil else {
            av_free(buffer)
            throw VideoError.outOfMemory
        }
    }

    deinit {
        if let context {
            // FFmpeg may have exchanged the buffer for another.
            av_free(context.pointee.buffer)
            context.pointee.buffer = nil
        }
        avio_context_free(&context)
        if ownsDescriptor && descriptor >= 0 { close(descriptor) }
    }

    private func read(_ target: UnsafeMutablePointer<UInt8>, _ size: CInt) -> CInt {
        while true {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, 100)
            if interrupter.endsWaits { return FFmpeg.exit }
            if ready < 0 && errno != EINTR { return -errno }
            if ready <= 0 { continue }
            let got = Glibc.read(descriptor, target, Int(size))
            if got < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if got < 0 { return -errno }
            count += Int64(got)
            return got == 0 ? FFmpeg.endOfFile : CInt(got)
        }
    }

    private func seek(_ offset: Int64, _ whence: CInt) -> Int64 {
        if whence & AVSEEK_SIZE != 0 {
            var status = stat()
            return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : -Int64(errno)
        }
        let position = lseek(descriptor, off_t(offset), whence & ~AVSEEK_FORCE)
        return position < 0 ? -Int64(errno) : Int64(position)
    }
}
