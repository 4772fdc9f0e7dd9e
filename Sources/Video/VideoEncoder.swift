import CFFmpeg

/// An opened encoder, and what turns pictures into its format.
final class VideoEncoder {
    let context: UnsafeMutablePointer<AVCodecContext>
    /// Pictures whose time had to be moved behind the one before.
    private(set) var moved = 0

    private let path: String
    private let packet: Packet
    private let converter = PictureConverter()
    private let pool = PicturePool()
    private let timeBase: Rational
    private var last = FFmpeg.noPTS
    /// Durations of the pictures inside the encoder by their time, which not every encoder gives back.
    private var durations: [Int64: Int64] = [:]

    /// Encoders by codec, the most suitable first; for others FFmpeg's own choice stands.
    private static let preferred: [String: [String]] = [
        "h264": ["libx264"], "hevc": ["libx265"], "h265": ["libx265"], "vp8": ["libvpx"], "vp9": ["libvpx-vp9"],
        "av1": ["libsvtav1", "libaom-av1", "librav1e"],
    ]

    /// Finds an encoder by its own name or its codec's.
    ///
    /// - Throws: `VideoError.unknownCodec`, `.noEncoder`.
    static func find(_ name: String) throws -> UnsafePointer<AVCodec> {
        for candidate in preferred[name.lowercased()] ?? [] {
            if let codec = avcodec_find_encoder_by_name(candidate) { return codec }
        }
        if let codec = avcodec_find_encoder_by_name(name), codec.pointee.type == AVMEDIA_TYPE_VIDEO { return codec }
        let descriptor = avcodec_descriptor_get_by_name(name == "h265" ? "hevc" : name)
        if let descriptor, descriptor.pointee.type == AVMEDIA_TYPE_VIDEO {
            if let codec = avcodec_find_encoder(descriptor.pointee.id) { return codec }
            throw VideoError.noEncoder(name: name, available: encoders(of: descriptor.pointee.id))
        }
        // An encoder that this FFmpeg lacks: say what else there is for the codec, where its name gives that away.
        for (part, codec) in [
            ("264", "h264"), ("265", "hevc"), ("hevc", "hevc"), ("vp8", "vp8"), ("vp9", "vp9"), ("av1", "av1"),
            ("jpeg", "mjpeg"), ("mpeg4", "mpeg4"), ("mpeg2", "mpeg2video"),
        ] where name.contains(part) {
            guard let descriptor = avcodec_descriptor_get_by_name(codec) else { continue }
            throw VideoError.noEncoder(name: name, available: encoders(of: descriptor.pointee.id))
        }
        throw VideoError.unknownCodec(name: name)
    }

    private static func encoders(of id: AVCodecID) -> [String] {
        var names: [String] = []
        var position: UnsafeMutableRawPointer?
        while let codec = av_codec_iterate(&position) {
            if codec.pointee.id == id && av_codec_is_encoder(codec) != 0 {
                names.append(String(cString: codec.pointee.name))
            }
        }
        return names
    }

    /// How a live stream is encoded: without looking ahead and without pictures out of order, so that a picture comes out as
    /// soon as it has gone in, and with keyframes where they are asked for.
    struct Live {
        /// The most bits a second, over a second; nil for as many as the quality needs.
        var maximumBitRate: Int?
    }

    /// Opens an encoder; colours are those of the first picture.
    ///
    /// - Throws: `VideoError.refused`.
    init(
        _ codec: UnsafePointer<AVCodec>, format: VideoWriter.Format, options: VideoWriter.Options,
        first: DrawablePicture, needsHeader: Bool, live: Live? = nil, path: String
    ) throws {
        self.path = path
        packet = try Packet()
        guard let context = avcodec_alloc_context3(codec) else { throw VideoError.outOfMemory }
        self.context = context
        let name = String(cString: codec.pointee.name)
        timeBase = Self.timeBase(format.timeBase, codec: codec.pointee.id)
        let picture = first.frame.pointee
        context.pointee.width = CInt(format.width)
        context.pointee.height = CInt(format.height)
        context.pointee.pix_fmt = Self.pixelFormat(codec, width: format.width, height: format.height)
        context.pointee.time_base = timeBase.native
        if let rate = format.frameRate, rate.isPositive { context.pointee.framerate = rate.native }
        context.pointee.sample_aspect_ratio = format.sampleAspectRatio.native
        context.pointee.color_primaries = picture.color_primaries
        context.pointee.color_trc = picture.color_trc
        context.pointee.colorspace = picture.colorspace
        context.pointee.color_range = picture.color_range
        context.pointee.chroma_sample_location = picture.chroma_location
        context.pointee.thread_count = CInt(options.threads)
        if codec.pointee.id == AV_CODEC_ID_MJPEG {
            // JPEG's colours are always these (JFIF 1.02).
            context.pointee.color_range = AVCOL_RANGE_JPEG
            context.pointee.colorspace = AVCOL_SPC_BT470BG
        }
        if needsHeader { context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER }
        var settings = Self.settings(name, options)
        if let live {
            context.pointee.max_b_frames = 0
            // Without an end for x264 and x265; keyframes come when they are asked for, or at a cut.
            context.pointee.gop_size = 1 << 30
            if let rate = live.maximumBitRate {
                context.pointee.rc_max_rate = Int64(rate)
                context.pointee.rc_buffer_size = CInt(clamping: rate)
            }
            settings["tune"] = "zerolatency"
            settings["forced-idr"] = "1"
        }
        var list = OptionList(settings)
        if !["libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1", "libaom-av1", "librav1e"].contains(name),
            codec.pointee.id != AV_CODEC_ID_FFV1
        {
            context.pointee.flags |= AV_CODEC_FLAG_QSCALE
            context.pointee.global_quality = CInt(options.quality ?? 3) * FF_QP2LAMBDA
        }
        let code = avcodec_open2(context, codec, &list.pointer)
        guard code >= 0 else {
            throw VideoError.refused(
                path: path, what: "the encoder \(name) does not take \(format.width)x\(format.height) pixels as asked",
                reason: FFmpeg.reason(code))
        }
        try Self.refuseRest(of: list.pointer, options, encoder: name, path: path)
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    /// The encoder's own names for quality and speed, with defaults that keep up with a camera.
    private static func settings(_ encoder: String, _ options: VideoWriter.Options) -> [String: String] {
        func quality(_ standard: Int) -> String { String(options.quality ?? standard) }
        return switch encoder {
        case "libx264": ["crf": quality(20), "preset": options.preset ?? "veryfast"]
        case "libx265":
            // x265 writes to standard error by itself.
            ["crf": quality(23), "preset": options.preset ?? "veryfast", "x265-params": "log-level=none"]
        case "libsvtav1": ["crf": quality(32), "preset": options.preset ?? "9"]
        case "libaom-av1": ["crf": quality(30), "b": "0", "cpu-used": options.preset ?? "8", "row-mt": "1"]
        case "librav1e": ["qp": quality(100), "speed": options.preset ?? "10"]
        case "libvpx", "libvpx-vp9":
            ["crf": quality(30), "b": "0", "deadline": "realtime", "cpu-used": options.preset ?? "5"]
        default: options.preset.map { ["preset": $0] } ?? [:]
        }
    }

    /// The source's time base, coarser only where the codec's syntax has no room for it.
    private static func timeBase(_ source: Rational, codec: AVCodecID) -> Rational {
        guard codec == AV_CODEC_ID_MPEG4, source.denominator > 65_535 else { return source }
        var (numerator, denominator): (CInt, CInt) = (0, 0)
        av_reduce(&numerator, &denominator, Int64(source.numerator), Int64(source.denominator), 65_535)
        return numerator > 0 ? Rational(numerator, denominator) : Rational(1, 65_535)
    }

    private static func pixelFormat(_ codec: UnsafePointer<AVCodec>, width: Int, height: Int) -> AVPixelFormat {
        let isEven = width % 2 == 0 && height % 2 == 0
        var wanted = [AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV444P]
        // FFmpeg's JPEG encoder had formats of its own for full range, and refuses the others in it.
        if codec.pointee.id == AV_CODEC_ID_MJPEG { wanted = [AV_PIX_FMT_YUVJ420P] + wanted }
        if !isEven { wanted = [AV_PIX_FMT_YUV444P] + wanted }
        if !isEven && codec.pointee.id == AV_CODEC_ID_MJPEG { wanted = [AV_PIX_FMT_YUVJ444P] + wanted }
        guard let formats = segmentd_encoder_formats(codec), formats[0] != AV_PIX_FMT_NONE else { return wanted[0] }
        var offered: [AVPixelFormat] = []
        while formats[offered.count] != AV_PIX_FMT_NONE { offered.append(formats[offered.count]) }
        return wanted.first { offered.contains($0) } ?? offered[0]
    }

    /// Encodes a picture and gives away what comes out, with its time base.
    func encode(
        _ picture: DrawablePicture, forcingKeyframe isForced: Bool = false,
        to sink: (Packet, AVRational) throws -> Void
    ) throws {
        let source = picture.frame
        let isFitting =
            source.pointee.width == context.pointee.width && source.pointee.height == context.pointee.height
            && AVPixelFormat(source.pointee.format) == context.pointee.pix_fmt
            && (context.pointee.codec_id != AV_CODEC_ID_MJPEG || source.pointee.color_range == AVCOL_RANGE_JPEG)
        let frame: UnsafeMutablePointer<AVFrame>
        if isFitting {
            guard let reference = av_frame_clone(source) else { throw VideoError.outOfMemory }
            frame = reference
        } else {
            frame = try pool.frame(
                width: Int(context.pointee.width), height: Int(context.pointee.height), format: context.pointee.pix_fmt)
            frame.pointee.colorspace = context.pointee.colorspace
            frame.pointee.color_range = context.pointee.color_range
            do { try converter.convert(source, into: frame, input: path) } catch {
                FFmpeg.free(frame)
                throw error
            }
        }
        defer { FFmpeg.free(frame) }
        let base = picture.timestamp.timeBase.native
        var stamp = av_rescale_q(picture.timestamp.value, base, timeBase.native)
        if last != FFmpeg.noPTS && stamp <= last {
            guard last < Int64.max else {
                throw VideoError.refused(
                    path: path, what: "the picture cannot be encoded", reason: "its time is beyond what can be stated")
            }
            stamp = last + 1
            moved += 1
        }
        last = stamp
        frame.pointee.pts = stamp
        frame.pointee.pict_type = isForced ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
        frame.pointee.quality = context.pointee.global_quality
        let duration = av_rescale_q(picture.duration, base, timeBase.native)
        if duration > 0 { durations[stamp] = duration }
        // No encoder looks this far ahead: these are times that it has changed.
        if durations.count > 1024 { durations.removeAll() }
        try check(avcodec_send_frame(context, frame))
        try drain(to: sink)
    }

    /// Ends the stream and gives away what was still inside.
    func finish(to sink: (Packet, AVRational) throws -> Void) throws {
        try check(avcodec_send_frame(context, nil))
        try drain(to: sink)
    }

    private func drain(to sink: (Packet, AVRational) throws -> Void) throws {
        while true {
            let code = avcodec_receive_packet(context, packet.pointer)
            if code == FFmpeg.again || code == FFmpeg.endOfFile { return }
            try check(code)
            if let duration = durations.removeValue(forKey: packet.pointer.pointee.pts) {
                packet.pointer.pointee.duration = duration
            }
            try sink(packet, context.pointee.time_base)
        }
    }

    private func check(_ code: CInt) throws {
        guard code < 0 else { return }
        throw VideoError.refused(path: path, what: "the encoder failed", reason: FFmpeg.reason(code))
    }
}
