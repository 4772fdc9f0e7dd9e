import CFFmpeg
import Instances

/// Blocks of memory for pictures, used again when the pictures that had them are gone.
///
/// It never holds more blocks than were once in use together, which the bounded queues between stages limit; blocks of an
/// earlier size go when their pictures do.
final class PicturePool: Sendable {
    private struct State {
        var pool: OpaquePointer?
        var size = 0
    }

    // Sendable: FFmpeg's pool, which locks itself, is only exchanged under this lock.
    private let state = Locked(State())

    /// Vector code may touch this many bytes behind a picture's last.
    static let padding = 64

    deinit {
        state.withLock { av_buffer_pool_uninit(&$0.pool) }
    }

    private func block(size: Int) throws -> UnsafeMutablePointer<AVBufferRef> {
        let block = state.withLock { state in
            if state.size != size {
                av_buffer_pool_uninit(&state.pool)
                state.pool = av_buffer_pool_init(size, nil)
                state.size = size
            }
            return state.pool.flatMap { av_buffer_pool_get($0) }
        }
        guard let block else { throw VideoError.outOfMemory }
        return block
    }

    /// A picture whose samples are whatever they were.
    func image(width: Int, height: Int) throws -> RGBImage {
        let block = try block(size: width * height * 3 + Self.padding)
        let owner = BufferOwner(block)
        let samples = UnsafeMutableBufferPointer(start: block.pointee.data, count: width * height * 3)
        return RGBImage(width: width, height: height, samples: samples) { owner.release() }
    }

    /// A frame whose planes lie in one block, rows aligned for vector code.
    func frame(width: Int, height: Int, format: AVPixelFormat) throws -> UnsafeMutablePointer<AVFrame> {
        let frame = try FFmpeg.frame()
        do {
            let align = CInt(Self.padding)
            let size = segmentd_layout(frame, format, CInt(width), CInt(height), align, nil)
            guard size > 0 else { throw VideoError.outOfMemory }
            let block = try block(size: Int(size) + Self.padding)
            frame.pointee.buf.0 = block
            _ = segmentd_layout(frame, format, CInt(width), CInt(height), align, block.pointee.data)
            frame.pointee.width = CInt(width)
            frame.pointee.height = CInt(height)
            frame.pointee.format = format.rawValue
            return frame
        } catch {
            FFmpeg.free(frame)
            throw error
        }
    }

    /// A frame with a picture's samples.
    func frame(of image: RGBImage) throws -> UnsafeMutablePointer<AVFrame> {
        let frame = try frame(width: image.width, height: image.height, format: AV_PIX_FMT_RGB24)
        let stride = Int(frame.pointee.linesize.0)
        image.withSamples { samples in
            guard let base = samples.baseAddress, let plane = frame.pointee.data.0 else { return }
            for y in 0..<image.height {
                (plane + y * stride).update(from: base + y * image.bytesPerRow, count: image.bytesPerRow)
            }
        }
        return frame
    }
}

/// One reference to a block, to be given back by whichever thread drops the picture last.
// Sendable: the reference counter inside is atomic, and `release` is called once.
private final class BufferOwner: @unchecked Sendable {
    private var block: UnsafeMutablePointer<AVBufferRef>?

    init(_ block: UnsafeMutablePointer<AVBufferRef>) { self.block = block }

    func release() { av_buffer_unref(&block) }
}
