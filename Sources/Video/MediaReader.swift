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
    private(set) var stream: UnsafeMutablePointer<AVStream>
    private(set) var losses = Losses()
    /// Takes the packets of the audio streams.
    let audio: AudioQueue?

    private let io: DescriptorReader?
    private let options: VideoSource.Options
    private let interrupter: Interrupter
    private let isPolled: Bool
    /// What the decoder was opened for.
    private var codec: AVCodecID
    /// How many streams there were when the input was opened; those behind came later.
    private let firstStreams: Int
    /// Whether `packet` holds the first packet of another codec, for which the present decoder is emptied.
    private var isSwitching = false
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
    /// Packets that the decoder has refused since its last frame.
    private var refused = 0

    /// A demuxer or decoder that fails this often in a row has nothing more to say.
    private static let errorLimit = 64
    /// A live stream that the decoder refuses this often in a row has become another one, which only opening tells.
    private static let refusalLimit = 32
    /// Demuxers for text, which take any bytes that have their suffix.
    static let textFormats: Set<String> = ["tty", "bin", "xbin", "adf", "idf"]

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
        self.options = options
        if case .address(let address) = name { isRemote = address.contains("://") } else { isRemote = false }
        options.interrupter.limit(to: options.openTimeout)
        defer { options.interrupter.deadline = nil }

        let opened: UnsafeMutablePointer<AVFormatContext>
        do {
            let target = try Target(name, options: options)
            io = target.io
            isPolled = target.isPolled
            opened = try Self.open(target, interrupter: options.interrupter, input: input)
        } catch {
            throw Self.cause(of: error, options, input: input)
        }
        do {
            (stream, decoder) = try Self.openDecoder(opened, options: options, input: input)
            codec = stream.pointee.codecpar.pointee.codec_id
            firstStreams = Int(opened.pointee.nb_streams)
        } catch {
            var opened: UnsafeMutablePointer<AVFormatContext>? = opened
            avformat_close_input(&opened)
            throw Self.cause(of: error, options, input: input)
        }
        context = opened
        for index in 0..<Int(opened.pointee.nb_streams) {
            guard let other = opened.pointee.streams[index], other != stream else { continue }
            if other.pointee.codecpar.pointee.codec_type != AVMEDIA_TYPE_AUDIO { other.pointee.discard = AVDISCARD_ALL }
        }
    }

    /// What an interrupted or overdue opening did not find is no statement about the input.
    private static func cause(of error: any Error, _ options: VideoSource.Options, input: String) -> any Error {
        if options.interrupter.isInterrupted { return VideoError.interrupted(input: input) }
        guard let timeout = options.openTimeout, options.interrupter.hasExpired else { return error }
        return VideoError.timedOut(input: input, after: timeout)
    }

    deinit {
        // Some protocols take leave of the server, which may have stopped listening.
        if options.openTimeout != nil { interrupter.limit(to: .seconds(1)) }
        avcodec_free_context(&decoder)
        avformat_close_input(&context)
        if options.openTimeout != nil { interrupter.deadline = nil }
    }

    /// The next decoded frame, owned by the caller; nil at the end.
    ///
    /// - Throws: `VideoError.interrupted`, `.timedOut`, `.readFailed`, `.nothingDecoded`, `.badSize`.
    func next() throws -> UnsafeMutablePointer<AVFrame>? {
        interrupter.limit(to: options.readTimeout)
        defer { interrupter.deadline = nil }
        let frame = try FFmpeg.frame()
        do {
            while true {
                let code = avcodec_receive_frame(decoder, frame)
                if code >= 0 {
                    let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
                    guard PictureLimits.accept(width: width, height: height) else {
                        throw VideoError.badSize(input: input, width: width, height: height)
                    }
                    (hasDecoded, decodeErrors, refused) = (true, 0, 0)
                    return frame
                }
                if code != FFmpeg.again && code != FFmpeg.endOfFile && decodeErrors < Self.errorLimit {
                    // Damage that the decoder could not conceal; what comes next may be whole.
                    decodeErrors += 1
                    losses.packets += 1
                    continue
                }
                if isSwitching {
                    try switchDecoder()
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
        try checkWaiting()
        if isRemote, let reason = brokenOff { throw VideoError.readFailed(input: input, reason: reason) }
        guard hasDecoded else { throw VideoError.nothingDecoded(input: input) }
        return nil
    }

    /// - Throws: `VideoError.interrupted`, `.timedOut`.
    private func checkWaiting() throws {
        if interrupter.isInterrupted { throw VideoError.interrupted(input: input) }
        if let timeout = options.readTimeout, interrupter.hasExpired {
            throw VideoError.timedOut(input: input, after: timeout)
        }
    }

    private func noteRefusal() throws {
        losses.packets += 1
        refused += 1
        guard options.isLowDelay, hasDecoded, refused >= Self.refusalLimit else { return }
        throw VideoError.readFailed(
            input: input, reason: "\(refused) packets in a row could not be decoded; the codec may have changed")
    }

    /// Whether `packet` needs another decoder: a transport stream may announce another codec, or another stream in place
    /// of the present one, in mid-stream.
    private func needsNewDecoder() -> Bool {
        guard let context, let other = context.pointee.streams[Int(packet.pointer.pointee.stream_index)],
            let parameters = other.pointee.codecpar, parameters.pointee.codec_type == AVMEDIA_TYPE_VIDEO,
            avcodec_find_decoder(parameters.pointee.codec_id) != nil
        else { return false }
        if other == stream { return parameters.pointee.codec_id != codec }
        // One that came later takes over only where no program holds the first any more.
        return other.pointee.index >= firstStreams && context.pointee.nb_programs > 0
            && av_find_program_from_stream(context, nil, stream.pointee.index) == nil
    }

    /// Exchanges the decoder for one of the packet's stream, and gives it the packet.
    private func switchDecoder() throws {
        isSwitching = false
        let index = Int(packet.pointer.pointee.stream_index)
        guard let next = context?.pointee.streams[index] else { return }
        let opened = try Self.decoder(for: next, options: options, input: input)
        avcodec_free_context(&decoder)
        (decoder, stream, codec) = (opened, next, next.pointee.codecpar.pointee.codec_id)
        if avcodec_send_packet(decoder, packet.pointer) < 0 { losses.packets += 1 }
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
                if options.readTimeout != nil { try checkWaiting() }
                if needsNewDecoder() {
                    isSwitching = true
                    avcodec_send_packet(decoder, nil)
                    return
                }
                if packet.pointee.stream_index == stream.pointee.index {
                    if packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 {
                        losses.packets += 1
                        // A packet that the end of the file has cut short.
                        if avio_feof(context?.pointee.pb) != 0 { losses.isTruncated = true }
                    }
                    if avcodec_send_packet(decoder, packet) < 0 { try noteRefusal() }
                    return
                }
                try audio?.append(packet)
                continue
            }
            if code == FFmpeg.exit || interrupter.endsWaits {
                try checkWaiting()
                throw VideoError.interrupted(input: input)
            }
            if code == FFmpeg.again {
                // A camera's frames are far enough apart for this to cost nothing, and near enough to notice no delay.
                if isPolled { interrupter.wait(until: .now + .milliseconds(2)) }
                continue
            }
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
