import CFFmpeg
import Glibc

/// One opened container and the decoder of its video stream.
///
/// One thread at a time.
final class MediaReader {
    /// What went wrong so far.
    struct Losses: Equatable {
        /// Packets that the decoder refused or the demuxer could not read whole.
        var packets = 0
        /// Whether the input ended before its own end.
        var isTruncated = false
        /// FFmpeg's words for what ended the reading early.
        var reason: String?
    }

    let input: String
    private(set) var context: UnsafeMutablePointer<AVFormatContext>?
    private(set) var decoder: UnsafeMutablePointer<AVCodecContext>?
    let stream: UnsafeMutablePointer<AVStream>
    private(set) var losses = Losses()
    /// Takes the packets of the audio streams.
    let audio: AudioQueue?

    private let io: DescriptorReader?
    private let interrupter: Interrupter
    private let packet: Packet
    private var isDraining = false
    private var hasDecoded = false
    private let isRemote: Bool
    /// Why reading ended, where it was not the input's end.
    private var brokenOff: String?
    /// The end of the last packet of any stream that is read, seconds.
    private var reached = 0.0
    private var readErrors = 0
    private var decodeErrors = 0

    /// A demuxer or decoder that fails this often in a row has nothing more to say.
    private static let errorLimit = 64
    /// Demuxers for text, which take any bytes that have their suffix.
    private static let textFormats: Set<String> = ["tty", "bin", "xbin", "adf", "idf"]

    /// Opens the input and its decoder.
    ///
    /// - Throws: `VideoError`.
    init(
        _ name: InputName, input: String, options: VideoSource.Options, audio: AudioQueue?
    ) throws {
        FFmpeg.prepare()
        self.input = input
        interrupter = options.interrupter
        self.audio = audio
        packet = try Packet()
        var url = input
        var settings = options.formatOptions
        switch name {
        case .standardInput:
            io = try DescriptorReader(descriptor: 0, interrupter: options.interrupter)
            url = ""
        case .pipe(let path):
            io = try DescriptorReader(descriptor: -1, path: path, interrupter: options.interrupter)
            url = ""
        case .file(let path):
            io = nil
            // Without a scheme, a colon in a file's name would be taken for the end of one; without this setting, a
            // percent sign in an image's name for a pattern.
            url = "file:" + path
            settings["pattern_type"] = settings["pattern_type"] ?? "none"
        case .images: preconditionFailure("images are opened one by one")
        case .address(let address):
            io = nil
            if !address.contains("://") { settings["framerate"] = options.imageFrameRate.description }
        }
        if case .address(let address) = name { isRemote = address.contains("://") } else { isRemote = false }

        let opened = try Self.open(url, io: io, settings: settings, interrupter: options.interrupter, input: input)
        do {
            (stream, decoder) = try Self.openDecoder(opened, options: options, input: input)
        } catch {
            var opened: UnsafeMutablePointer<AVFormatContext>? = opened
            avformat_close_input(&opened)
            // What an interrupted probe did not find is no statement about the input.
            throw options.interrupter.isInterrupted ? VideoError.interrupted(input: input) : error
        }
        context = opened
        for index in 0..<Int(opened.pointee.nb_streams) {
            guard let other = opened.pointee.streams[index], other != stream else { continue }
            if other.pointee.codecpar.pointee.codec_type != AVMEDIA_TYPE_AUDIO { other.pointee.discard = AVDISCARD_ALL }
        }
    }

    deinit {
        avcodec_free_context(&decoder)
        avformat_close_input(&context)
    }

    private static func open(
        _ url: String, io: DescriptorReader?, settings: [String: String], interrupter: Interrupter, input: String
    ) throws -> UnsafeMutablePointer<AVFormatContext> {
        guard let allocated = avformat_alloc_context() else { throw VideoError.outOfMemory }
        allocated.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(interrupter).toOpaque()
        allocated.pointee.interrupt_callback.callback = { opaque in
            guard let opaque else { return 0 }
            return Unmanaged<Interrupter>.fromOpaque(opaque).takeUnretainedValue().isInterrupted ? 1 : 0
        }
        if let io { allocated.pointee.pb = io.context }
        var context: UnsafeMutablePointer<AVFormatContext>? = allocated
        var list = OptionList(settings)
        // Frees the context where it fails.
        let code = avformat_open_input(&context, url, nil, &list.pointer)
        guard code >= 0, let context else { throw openingError(code, io: io, input: input) }
        let isText = textFormats.contains(String(cString: context.pointee.iformat.pointee.name))
        var opened: UnsafeMutablePointer<AVFormatContext>? = context
        if isText {
            avformat_close_input(&opened)
            throw VideoError.notMedia(input: input)
        }
        probe(context)
        return context
    }

    /// Reads ahead for what the header does not say; what is not found is missed when the decoder is opened.
    private static func probe(_ context: UnsafeMutablePointer<AVFormatContext>) {
        // Probing decodes too, so that its decoders need the bound on frames as well.
        var lists: [OpaquePointer?] = Array(repeating: nil, count: Int(context.pointee.nb_streams))
        for index in lists.indices { av_dict_set(&lists[index], "max_pixels", String(PictureLimits.pixels), 0) }
        lists.withUnsafeMutableBufferPointer { _ = avformat_find_stream_info(context, $0.baseAddress) }
        for index in lists.indices { av_dict_free(&lists[index]) }
    }

    private static func openingError(_ code: CInt, io: DescriptorReader?, input: String) -> VideoError {
        if code == FFmpeg.exit { return .interrupted(input: input) }
        if let io, io.count == 0, code == FFmpeg.invalidData || code == FFmpeg.endOfFile { return .empty(input: input) }
        if code == FFmpeg.invalidData || code == FFmpeg.endOfFile {
            return io == nil && beginsAsMP4(input) ? .noIndex(input: input) : .notMedia(input: input)
        }
        return .unreadable(input: input, reason: FFmpeg.reason(code))
    }

    /// Whether a file's first box is the one that every MP4 begins with (ISO/IEC 14496-12, section 4.3).
    private static func beginsAsMP4(_ path: String) -> Bool {
        // Opening a pipe a second time would wait for a second writer.
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        guard let file = fopen(path, "rb") else { return false }
        defer { fclose(file) }
        var head = [UInt8](repeating: 0, count: 8)
        return fread(&head, 1, 8, file) == 8 && Array(head[4...]) == Array("ftyp".utf8)
    }

    private static func openDecoder(
        _ context: UnsafeMutablePointer<AVFormatContext>, options: VideoSource.Options, input: String
    ) throws -> (UnsafeMutablePointer<AVStream>, UnsafeMutablePointer<AVCodecContext>) {
        let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        let hasAudio = av_find_best_stream(context, AVMEDIA_TYPE_AUDIO, -1, -1, nil, 0) >= 0
        guard index >= 0, let stream = context.pointee.streams[Int(index)] else {
            if context.pointee.nb_streams == 0 { throw VideoError.notMedia(input: input) }
            throw VideoError.noVideo(input: input, hasAudio: hasAudio)
        }
        // The cover of a music file is a picture, but no video.
        if hasAudio && stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0 {
            throw VideoError.noVideo(input: input, hasAudio: true)
        }
        guard let parameters = stream.pointee.codecpar else {
            throw VideoError.noVideo(input: input, hasAudio: hasAudio)
        }
        let (width, height) = (Int(parameters.pointee.width), Int(parameters.pointee.height))
        guard let codec = avcodec_find_decoder(parameters.pointee.codec_id) else {
            throw VideoError.unsupportedCodec(input: input, codec: FFmpeg.codecName(parameters.pointee.codec_id))
        }
        guard width > 0 || height > 0 || parameters.pointee.format >= 0 else {
            throw VideoError.nothingDecoded(input: input)
        }
        guard PictureLimits.accept(width: width, height: height) else {
            throw VideoError.badSize(input: input, width: width, height: height)
        }
        var decoder = avcodec_alloc_context3(codec)
        guard let opened = decoder else { throw VideoError.outOfMemory }
        var code = avcodec_parameters_to_context(opened, parameters)
        opened.pointee.pkt_timebase = stream.pointee.time_base
        opened.pointee.thread_count = CInt(options.threads)
        opened.pointee.thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE
        opened.pointee.max_pixels = Int64(PictureLimits.pixels)
        if code >= 0 { code = avcodec_open2(opened, codec, nil) }
        guard code >= 0 else {
            avcodec_free_context(&decoder)
            throw VideoError.unsupportedCodec(
                input: input, codec: "\(FFmpeg.codecName(parameters.pointee.codec_id)) (\(FFmpeg.reason(code)))")
        }
        return (stream, opened)
    }

    /// The next decoded frame, owned by the caller; nil at the end.
    ///
    /// - Throws: `VideoError.interrupted`, `.readFailed`, `.nothingDecoded`, `.badSize`.
    func next() throws -> UnsafeMutablePointer<AVFrame>? {
        let frame = try FFmpeg.frame()
        do {
            while true {
                let code = avcodec_receive_frame(decoder, frame)
                if code >= 0 {
                    let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
                    guard PictureLimits.accept(width: width, height: height) else {
                        throw VideoError.badSize(input: input, width: width, height: height)
                    }
                    (hasDecoded, decodeErrors) = (true, 0)
                    return frame
                }
                if code != FFmpeg.again && code != FFmpeg.endOfFile && decodeErrors < Self.errorLimit {
                    // Damage that the decoder could not conceal; what comes next may be whole.
                    decodeErrors += 1
                    losses.packets += 1
                    continue
                }
                if code == FFmpeg.endOfFile || isDraining { break }
                decodeErrors = 0
                try feed()
            }
        } catch {
            FFmpeg.free(frame)
            throw error
        }
        FFmpeg.free(frame)
        return try end()
    }

    private func end() throws -> UnsafeMutablePointer<AVFrame>? {
        if interrupter.isInterrupted { throw VideoError.interrupted(input: input) }
        if isRemote, let reason = brokenOff { throw VideoError.readFailed(input: input, reason: reason) }
        guard hasDecoded else { throw VideoError.nothingDecoded(input: input) }
        return nil
    }

    /// Reads packets until the decoder has got one, or knows that there are no more.
    private func feed() throws {
        while true {
            let packet = packet.pointer
            av_packet_unref(packet)
            let code = av_read_frame(context, packet)
            if code >= 0 {
                readErrors = 0
                note(packet)
                if packet.pointee.stream_index == stream.pointee.index {
                    if packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 {
                        losses.packets += 1
                        // A packet that the end of the file has cut short.
                        if avio_feof(context?.pointee.pb) != 0 { losses.isTruncated = true }
                    }
                    if avcodec_send_packet(decoder, packet) < 0 { losses.packets += 1 }
                    return
                }
                try audio?.append(packet)
                continue
            }
            if code == FFmpeg.exit || interrupter.isInterrupted { throw VideoError.interrupted(input: input) }
            if code == FFmpeg.again { continue }
            if code == FFmpeg.invalidData && readErrors < Self.errorLimit {
                // Such as a sample behind the end of a cut-off file; others may still be there.
                readErrors += 1
                losses.packets += 1
                if avio_feof(context?.pointee.pb) != 0 { losses.isTruncated = true }
                losses.reason = losses.reason ?? FFmpeg.reason(code)
                continue
            }
            finishReading(code)
            isDraining = true
            avcodec_send_packet(decoder, nil)
            return
        }
    }

    private func finishReading(_ code: CInt) {
        let inputError = context?.pointee.pb?.pointee.error ?? 0
        if code != FFmpeg.endOfFile || (inputError < 0 && inputError != FFmpeg.endOfFile) {
            let reason = FFmpeg.reason(code != FFmpeg.endOfFile ? code : inputError)
            brokenOff = reason
            losses.isTruncated = true
            losses.reason = losses.reason ?? reason
        }
        // A container that promises a length in its header and ends a second or more before it has been cut off.
        if let promised = promisedEnd, promised - reached > max(1, promised * 0.01) { losses.isTruncated = true }
    }

    /// The end that the header states, seconds; nil where FFmpeg has only guessed it from the file's size.
    private var promisedEnd: Double? {
        guard let context, context.pointee.duration > 0,
            context.pointee.duration_estimation_method == AVFMT_DURATION_FROM_STREAM
        else { return nil }
        let start = context.pointee.start_time == FFmpeg.noPTS ? 0 : context.pointee.start_time
        // As floating point, because a damaged header may state any two numbers.
        return (Double(start) + Double(context.pointee.duration)) / Double(AV_TIME_BASE)
    }

    private func note(_ packet: UnsafeMutablePointer<AVPacket>) {
        guard let context, packet.pointee.pts != FFmpeg.noPTS,
            let base = context.pointee.streams[Int(packet.pointee.stream_index)]?.pointee.time_base
        else { return }
        reached = max(reached, (Double(packet.pointee.pts) + Double(packet.pointee.duration)) * av_q2d(base))
    }
}
