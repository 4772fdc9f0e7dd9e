import CFFmpeg
import Files

/// A container with one video stream that is fed with packets of one `EncodedStream`.
final class PacketMuxer {
    let context: UnsafeMutablePointer<AVFormatContext>
    let stream: EncodedStream

    private let output: UnsafeMutablePointer<AVStream>
    private let label: String
    private let packet: Packet
    private var hasHeader = false

    /// - Parameters:
    ///   - container: FFmpeg's name of the container.
    ///   - url: What the container writes to, where it opens that itself.
    ///   - label: How errors name the output.
    /// - Throws: `VideoError.unknownContainer`, `.outOfMemory`.
    init(container: String, url: String, label: String, stream: EncodedStream) throws {
        FFmpeg.prepare()
        self.stream = stream
        self.label = label
        packet = try Packet()
        var allocated: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&allocated, nil, container, url)
        guard let allocated else { throw VideoError.unknownContainer(path: container) }
        guard let output = avformat_new_stream(allocated, nil),
            avcodec_parameters_copy(output.pointee.codecpar, stream.parameters) >= 0
        else {
            avformat_free_context(allocated)
            throw VideoError.outOfMemory
        }
        output.pointee.codecpar.pointee.codec_tag = 0
        output.pointee.time_base = EncodedStream.timeBase.native
        output.pointee.avg_frame_rate = stream.frameRate
        output.pointee.sample_aspect_ratio = stream.parameters.pointee.sample_aspect_ratio
        context = allocated
        self.output = output
        // What is written is complete up to the last packet that a killed process has seen.
        context.pointee.flush_packets = 1
    }

    /// Whoever opened `pb` has closed it by now.
    deinit { avformat_free_context(context) }

    func setMetadata(_ values: [String: String]) {
        for (key, value) in values { av_dict_set(&context.pointee.metadata, key, value, 0) }
    }

    /// - Throws: `FileError`, `VideoError.refused`.
    func writeHeader(_ options: [String: String]) throws {
        var list = OptionList(options)
        try check(avformat_write_header(context, &list.pointer))
        hasHeader = true
    }

    /// Writes a packet, with its time counted from `origin`.
    ///
    /// - Throws: `FileError`, `VideoError.refused`.
    func write(_ source: EncodedPacket, origin: Int64) throws {
        let pointer = packet.pointer
        av_packet_unref(pointer)
        guard av_packet_ref(pointer, source.packet.pointer) >= 0 else { throw VideoError.outOfMemory }
        pointer.pointee.stream_index = output.pointee.index
        pointer.pointee.pts -= origin
        pointer.pointee.dts -= origin
        av_packet_rescale_ts(pointer, EncodedStream.timeBase.native, output.pointee.time_base)
        try check(av_interleaved_write_frame(context, pointer))
    }

    /// Writes what ends the container. Without effect where there was no header, or a second time.
    ///
    /// - Throws: `FileError`, `VideoError.refused`.
    func writeTrailer() throws {
        guard hasHeader else { return }
        hasHeader = false
        try check(av_write_trailer(context))
    }

    /// - Throws: `FileError`, `VideoError.refused`.
    func check(_ code: CInt) throws {
        guard code < 0 else { return }
        if let error = FileError(writing: label, code: -code) { throw error }
        throw VideoError.refused(path: label, what: "cannot be written", reason: FFmpeg.reason(code))
    }
}
