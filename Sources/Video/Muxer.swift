import CFFmpeg
import Files
import Glibc

/// An opened output container.
final class Muxer {
    private let path: String
    private var context: UnsafeMutablePointer<AVFormatContext>?
    /// There from the beginning, so that it is the first stream; described when the encoder is.
    private var video: UnsafeMutablePointer<AVStream>?
    /// Output streams by the index of the input's.
    private var audio: [Int32: (stream: UnsafeMutablePointer<AVStream>, timeBase: AVRational)] = [:]
    private var lastAudio: [Int32: Int64] = [:]

    /// Audio packets whose times went backwards.
    private(set) var droppedAudio = 0
    var hasAudio: Bool { !audio.isEmpty }
    var needsGlobalHeader: Bool {
        guard let context else { return false }
        return context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0
    }

    /// The longest piece of an MP4 that a killed process loses, microseconds.
    private static let fragmentDuration = 2_000_000

    /// The container by FFmpeg's name, or by a file's suffix.
    ///
    /// - Throws: `VideoError.unknownContainer`.
    static func container(path: String, name: String?) throws -> UnsafePointer<AVOutputFormat> {
        guard let format = av_guess_format(name, name == nil ? path : nil, nil),
            format.pointee.flags & (AVFMT_NOFILE | AVFMT_NEEDNUMBER) == 0,
            format.pointee.video_codec != AV_CODEC_ID_NONE
        else { throw VideoError.unknownContainer(path: name ?? path) }
        return UnsafePointer(format)
    }

    static func takes(_ container: UnsafePointer<AVOutputFormat>, _ codec: AVCodecID) -> Bool {
        // Negative where the container does not know, which the header's writing will find out.
        avformat_query_codec(container, codec, FF_COMPLIANCE_NORMAL) != 0
    }

    /// - Throws: `FileError`.
    init(_ container: UnsafePointer<AVOutputFormat>, path: String, writingTo temporaryPath: String) throws {
        self.path = path
        var allocated: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&allocated, UnsafeMutablePointer(mutating: container), nil, temporaryPath)
        guard let allocated else { throw VideoError.outOfMemory }
        let code = avio_open(&allocated.pointee.pb, "file:" + temporaryPath, AVIO_FLAG_WRITE)
        guard code >= 0 else {
            avformat_free_context(allocated)
            throw FileError(writing: path, code: -code)
                ?? FileError.refused(action: "write", path: path, reason: FFmpeg.reason(code))
        }
        // Every fragment or block is handed to the system at once, so that a killed process leaves it behind.
        allocated.pointee.flush_packets = 1
        context = allocated
        video = avformat_new_stream(allocated, nil)
    }

    deinit { close() }

    /// Adds the streams that the container has a place for; returns a warning for each of the others.
    func addAudio(_ streams: [AudioQueue.Stream]) throws -> [String] {
        guard let context else { return [] }
        var warnings: [String] = []
        for source in streams {
            guard let parameters = source.pointer.pointee.codecpar else { continue }
            let id = parameters.pointee.codec_id
            // A container that cannot say whether it takes a codec is not tried: failing there would lose the video too.
            guard avformat_query_codec(context.pointee.oformat, id, FF_COMPLIANCE_NORMAL) == 1 else {
                let container = String(cString: context.pointee.oformat.pointee.name)
                warnings.append("\(container) cannot hold \(FFmpeg.codecName(id)) audio, which is left out; .mkv can")
                continue
            }
            guard let stream = avformat_new_stream(context, nil) else { throw VideoError.outOfMemory }
            avcodec_parameters_copy(stream.pointee.codecpar, parameters)
            // The tag is the input container's; the muxer finds its own.
            stream.pointee.codecpar.pointee.codec_tag = 0
            stream.pointee.time_base = source.pointer.pointee.time_base
            stream.pointee.disposition = source.pointer.pointee.disposition
            av_dict_copy(&stream.pointee.metadata, source.pointer.pointee.metadata, 0)
            audio[source.index] = (stream, source.pointer.pointee.time_base)
        }
        return warnings
    }

    /// Describes the video stream.
    func describeVideo(_ encoder: VideoEncoder) throws {
        guard let stream = video else { throw VideoError.outOfMemory }
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, encoder.context))
        if let tag = Self.tag(of: encoder.context.pointee.codec_id, in: context?.pointee.oformat) {
            stream.pointee.codecpar.pointee.codec_tag = tag
        }
        stream.pointee.time_base = encoder.context.pointee.time_base
        stream.pointee.avg_frame_rate = encoder.context.pointee.framerate
        stream.pointee.sample_aspect_ratio = encoder.context.pointee.sample_aspect_ratio
    }

    /// The tag to ask for where the muxer's own choice is not the best.
    private static func tag(of codec: AVCodecID, in container: UnsafePointer<AVOutputFormat>?) -> UInt32? {
        guard let container, codec == AV_CODEC_ID_HEVC,
            ["mp4", "mov"].contains(String(cString: container.pointee.name))
        else { return nil }
        // FFmpeg would take `hev1`, which QuickTime and Safari do not play (ISO/IEC 14496-15, section 8.4.1).
        return "hvc1".utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Writes the header.
    func start() throws {
        // Times are the source's: the muxer must not move them to zero. MP4 needs edit lists to keep a first time that
        // is not zero, and `delay_moov` to know it before the header is written.
        context?.pointee.avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED
        var list = OptionList([
            "movflags": "frag_keyframe+delay_moov+default_base_moof", "use_editlist": "1",
            "frag_duration": String(Self.fragmentDuration),
        ])
        let code = avformat_write_header(context, &list.pointer)
        if code == -EINVAL, let context, let video {
            // Some containers know only now that they have no place for a codec.
            throw VideoError.codecNotInContainer(
                codec: FFmpeg.codecName(video.pointee.codecpar.pointee.codec_id),
                container: String(cString: context.pointee.oformat.pointee.name))
        }
        try check(code)
        // The MP4 muxer turns off the filters that bring packets of other containers into its form, such as AAC from a transport
        // stream, where the header is written first. With `delay_moov` it is not.
        context?.pointee.flags |= AVFMT_FLAG_AUTO_BSF
    }

    func writeVideo(_ packet: Packet, _ timeBase: AVRational) throws {
        guard let video else { return }
        packet.pointer.pointee.stream_index = video.pointee.index
        av_packet_rescale_ts(packet.pointer, timeBase, video.pointee.time_base)
        try check(av_interleaved_write_frame(context, packet.pointer))
    }

    func writeAudio(_ packet: Packet) throws {
        let pointer = packet.pointer
        guard let (stream, timeBase) = audio[pointer.pointee.stream_index] else { return }
        if pointer.pointee.dts == FFmpeg.noPTS { pointer.pointee.dts = pointer.pointee.pts }
        if pointer.pointee.pts == FFmpeg.noPTS { pointer.pointee.pts = pointer.pointee.dts }
        let index = stream.pointee.index
        pointer.pointee.stream_index = index
        pointer.pointee.pos = -1
        av_packet_rescale_ts(pointer, timeBase, stream.pointee.time_base)
        let stamp = pointer.pointee.dts
        guard stamp != FFmpeg.noPTS, stamp > lastAudio[index] ?? Int64.min else {
            droppedAudio += 1
            return
        }
        lastAudio[index] = stamp
        try check(av_interleaved_write_frame(context, pointer))
    }

    /// Writes the trailer and closes the file.
    func finish() throws {
        guard let context else { return }
        try check(av_write_trailer(context))
        try check(avio_closep(&context.pointee.pb))
    }

    /// Gives everything back; what was not finished stays so.
    func close() {
        guard let context else { return }
        if context.pointee.pb != nil { avio_closep(&context.pointee.pb) }
        avformat_free_context(context)
        self.context = nil
    }

    private func check(_ code: CInt) throws {
        guard code < 0 else { return }
        if let error = FileError(writing: path, code: -code) { throw error }
        throw VideoError.refused(path: path, what: "the container cannot be written", reason: FFmpeg.reason(code))
    }
}

extension FileError {
    /// Puts an error number that FFmpeg passed on from the system into words; nil for numbers that FFmpeg uses itself, with
    /// another meaning.
    init?(writing path: String, code: CInt) {
        guard [ENOSPC, EDQUOT, EPIPE, EIO, EFBIG, EROFS, EACCES, ENXIO, ESTALE].contains(code) else { return nil }
        self.init(action: "write", path: path, code: code)
    }
}
