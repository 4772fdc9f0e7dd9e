import CFFmpeg

/// Makes small JPEG stills of a stream's pictures, for a page that shows it.
///
/// Scaler and encoder are kept from picture to picture. Threads that use one of these at once take turns.
public final class SnapshotEncoder: Sendable {
    // @unchecked: the pointers are owned by the locked state.
    private struct State: @unchecked Sendable {
        var context: UnsafeMutablePointer<AVCodecContext>?
        /// The encoder refuses times that do not increase.
        var pts: Int64 = 0
    }

    private let state = Locked(State())
    private let converter = PictureConverter(scaling: SWS_AREA)
    private let pool = PicturePool()

    public init() { FFmpeg.prepare() }

    deinit { state.withLock { avcodec_free_context(&$0.context) } }

    /// A picture as the bytes of a JPEG file; the picture itself is only read.
    ///
    /// - Parameters:
    ///   - maxWidth: Pixels; a wider picture is made smaller, the sides' ratio kept.
    ///   - quality: JPEG's quantiser, from 2, the best, to 31.
    /// - Throws: `VideoError`.
    public func jpeg(of picture: DrawablePicture, maxWidth: Int = 1280, quality: Int = 5) throws -> [UInt8] {
        precondition(maxWidth > 0 && (2...31).contains(quality), "a still has pixels and a quantiser of JPEG's")
        let width = min(picture.width, maxWidth)
        let height = max(1, (picture.height * width + picture.width / 2) / picture.width)
        return try state.withLock { state in
            let encoder = try open(width: width, height: height, &state)
            let frame = try pool.frame(width: width, height: height, format: AV_PIX_FMT_YUVJ420P)
            defer { FFmpeg.free(frame) }
            frame.pointee.color_range = AVCOL_RANGE_JPEG
            frame.pointee.colorspace = AVCOL_SPC_BT470BG
            try converter.convert(picture.frame, into: frame, input: "still")
            frame.pointee.pts = state.pts
            state.pts += 1
            frame.pointee.quality = CInt(quality) * FF_QP2LAMBDA
            let packet = try Packet()
            try check(avcodec_send_frame(encoder, frame))
            try check(avcodec_receive_packet(encoder, packet.pointer))
            return Array(
                UnsafeBufferPointer(start: packet.pointer.pointee.data, count: Int(packet.pointer.pointee.size)))
        }
    }

    private func open(width: Int, height: Int, _ state: inout State) throws -> UnsafeMutablePointer<AVCodecContext> {
        if let context = state.context, Int(context.pointee.width) == width, Int(context.pointee.height) == height {
            return context
        }
        avcodec_free_context(&state.context)
        guard let codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG) else {
            throw VideoError.noEncoder(name: "mjpeg", available: [])
        }
        guard let context = avcodec_alloc_context3(codec) else { throw VideoError.outOfMemory }
        state.context = context
        context.pointee.width = CInt(width)
        context.pointee.height = CInt(height)
        context.pointee.pix_fmt = AV_PIX_FMT_YUVJ420P
        context.pointee.color_range = AVCOL_RANGE_JPEG
        context.pointee.time_base = AVRational(num: 1, den: 25)
        // With more threads the encoder would keep pictures back.
        context.pointee.thread_count = 1
        context.pointee.flags |= AV_CODEC_FLAG_QSCALE
        context.pointee.global_quality = 5 * FF_QP2LAMBDA
        do { try check(avcodec_open2(context, codec, nil)) } catch {
            avcodec_free_context(&state.context)
            throw error
        }
        return context
    }

    private func check(_ code: CInt) throws {
        guard code < 0 else { return }
        throw VideoError.refused(path: "still", what: "the image cannot be encoded", reason: FFmpeg.reason(code))
    }
}
