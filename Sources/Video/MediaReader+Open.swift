import CFFmpeg
import Glibc

extension MediaReader {
    /// What FFmpeg is given to open.
    struct Target {
        var url: String
        /// Names the demuxer where the URL does not.
        var format: String?
        var settings: [String: String]
        var io: DescriptorReader?
        /// Whether reading returns where nothing has come, instead of waiting beyond the reach of an interrupt.
        var isPolled = false

        /// - Throws: `VideoError`.
        init(_ name: InputName, options: VideoSource.Options) throws {
            settings = options.formatOptions
            switch name {
            case .standardInput:
                io = try DescriptorReader(descriptor: 0, interrupter: options.interrupter)
                url = ""
            case .pipe(let path):
                io = try DescriptorReader(descriptor: -1, path: path, interrupter: options.interrupter)
                url = ""
            case .file(let path):
                // Without a scheme, a colon in a file's name would be taken for the end of one; without this setting, a
                // percent sign in an image's name for a pattern.
                url = "file:" + path
                settings["pattern_type"] = settings["pattern_type"] ?? "none"
            case .images: preconditionFailure("images are opened one by one")
            case .address(let address):
                url = address
                if !address.contains("://") { settings["framerate"] = options.imageFrameRate.description }
            case .camera(let path):
                (url, format, isPolled) = (path, "v4l2", true)
                let camera = options.camera
                var wanted: [String: String] = [:]
                wanted["input_format"] = camera.format
                wanted["video_size"] = camera.size.map { "\($0.width)x\($0.height)" }
                wanted["framerate"] = camera.rate?.description
                settings.merge(wanted) { given, _ in given }
            case .graph(let graph):
                (url, format) = (graph, "lavfi")
            }
        }
    }

    static func open(
        _ target: Target, interrupter: Interrupter, input: String
    ) throws -> UnsafeMutablePointer<AVFormatContext> {
        guard let allocated = avformat_alloc_context() else { throw VideoError.outOfMemory }
        allocated.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(interrupter).toOpaque()
        allocated.pointee.interrupt_callback.callback = { opaque in
            guard let opaque else { return 0 }
            return Unmanaged<Interrupter>.fromOpaque(opaque).takeUnretainedValue().endsWaits ? 1 : 0
        }
        if let io = target.io { allocated.pointee.pb = io.context }
        if target.isPolled { allocated.pointee.flags |= AVFMT_FLAG_NONBLOCK }
        var context: UnsafeMutablePointer<AVFormatContext>? = allocated
        var list = OptionList(target.settings)
        let format = target.format.flatMap { av_find_input_format($0) }
        guard target.format == nil || format != nil else {
            avformat_free_context(allocated)
            throw VideoError.unreadable(
                input: input, reason: "the installed FFmpeg has no '\(target.format ?? "")' input; install one that has"
            )
        }
        // Frees the context where it fails.
        let code = avformat_open_input(&context, target.url, format, &list.pointer)
        guard code >= 0, let context else { throw openingError(code, io: target.io, input: input) }
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

    static func openDecoder(
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
        guard avcodec_find_decoder(parameters.pointee.codec_id) != nil else {
            throw VideoError.unsupportedCodec(input: input, codec: FFmpeg.codecName(parameters.pointee.codec_id))
        }
        guard width > 0 || height > 0 || parameters.pointee.format >= 0 else {
            throw VideoError.nothingDecoded(input: input)
        }
        guard PictureLimits.accept(width: width, height: height) else {
            throw VideoError.badSize(input: input, width: width, height: height)
        }
        return (stream, try decoder(for: stream, options: options, input: input))
    }

    /// Opens a decoder for a stream's codec.
    ///
    /// - Throws: `VideoError.unsupportedCodec`, `.outOfMemory`.
    static func decoder(
        for stream: UnsafeMutablePointer<AVStream>, options: VideoSource.Options, input: String
    ) throws -> UnsafeMutablePointer<AVCodecContext> {
        let codecName = FFmpeg.codecName(stream.pointee.codecpar.pointee.codec_id)
        guard let codec = avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id) else {
            throw VideoError.unsupportedCodec(input: input, codec: codecName)
        }
        var decoder = avcodec_alloc_context3(codec)
        guard let opened = decoder else { throw VideoError.outOfMemory }
        var code = avcodec_parameters_to_context(opened, stream.pointee.codecpar)
        opened.pointee.pkt_timebase = stream.pointee.time_base
        opened.pointee.thread_count = CInt(options.threads)
        // Threads that decode several frames at once keep each of them back by as many frames.
        opened.pointee.thread_type = options.isLowDelay ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE
        opened.pointee.max_pixels = Int64(PictureLimits.pixels)
        if code >= 0 { code = avcodec_open2(opened, codec, nil) }
        guard code >= 0 else {
            avcodec_free_context(&decoder)
            throw VideoError.unsupportedCodec(input: input, codec: "\(codecName) (\(FFmpeg.reason(code)))")
        }
        return opened
    }
}
