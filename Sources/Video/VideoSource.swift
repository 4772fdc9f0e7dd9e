import CFFmpeg

/// Decodes a video, or a folder's images, frame by frame in the order of presentation.
///
/// Frames keep the presentation times and the time base of their container. A display matrix is honoured: sizes and
/// pictures are upright. Damage is concealed where the decoder can, counted in `report`, and does not end the video.
// Sendable: `next` is called by one thread at a time; `interrupt` and `report` only touch what is locked.
public final class VideoSource: @unchecked Sendable {
    /// How to read.
    public struct Options: Sendable {
        /// Frames a second of a folder of images.
        public var imageFrameRate: Rational
        /// The most frames to give; all where nil.
        public var limit: Int?
        /// Threads of the decoder; 0 for as many as there are processors.
        public var threads: Int
        /// FFmpeg's options for the container or protocol by name, such as `rtsp_transport`.
        public var formatOptions: [String: String]
        /// Ends the source's waiting, in the initialiser too; every source wants one of its own.
        public var interrupter: Interrupter
        /// How long opening may take; without a bound where nil. No bound holds while a host's name is looked up.
        public var openTimeout: Duration?
        /// How long a frame may take, whatever else comes meanwhile; without a bound where nil.
        public var readTimeout: Duration?
        /// Whether a frame is to leave the decoder as soon as it can, at the price of threads that share a picture only.
        public var isLowDelay: Bool
        /// What is asked of a camera.
        public var camera: CameraSettings

        public init(
            imageFrameRate: Rational = Rational(25, 1), limit: Int? = nil, threads: Int = 0,
            formatOptions: [String: String] = [:], interrupter: Interrupter = Interrupter(),
            openTimeout: Duration? = nil, readTimeout: Duration? = nil, isLowDelay: Bool = false,
            camera: CameraSettings = CameraSettings()
        ) {
            self.imageFrameRate = imageFrameRate
            self.limit = limit
            self.threads = threads
            self.formatOptions = formatOptions
            self.interrupter = interrupter
            self.openTimeout = openTimeout
            self.readTimeout = readTimeout
            self.isLowDelay = isLowDelay
            self.camera = camera
        }
    }

    /// What is asked of a camera; what is nil is left to it.
    public struct CameraSettings: Sendable, Equatable {
        /// FFmpeg's name of a pixel format or codec, such as `yuyv422` or `mjpeg`.
        public var format: String?
        /// Pixels.
        public var size: Size?
        /// Frames a second.
        public var rate: Rational?

        /// A picture's size in pixels.
        public struct Size: Sendable, Equatable {
            public var width: Int
            public var height: Int

            public init(width: Int, height: Int) {
                self.width = width
                self.height = height
            }
        }

        public init(format: String? = nil, size: Size? = nil, rate: Rational? = nil) {
            self.format = format
            self.size = size
            self.rate = rate
        }
    }

    /// What has been read and what was lost, so far.
    public struct Report: Sendable, Equatable {
        /// Frames given.
        public var framesDecoded = 0
        /// Frames among them in which the decoder concealed damage.
        public var framesCorrupt = 0
        /// Packets that could not be read whole or not be decoded.
        public var packetsLost = 0
        /// Audio packets that no writer fetched in time.
        public var audioPacketsLost = 0
        /// Whether the input ended before the end that it promises.
        public var isTruncated = false
        /// FFmpeg's words for what ended the reading early.
        public var reason: String?
        /// Names of images that could not be read, the first hundred.
        public var unreadableImages: [String] = []
        /// How many images could not be read.
        public var unreadableImageCount = 0
    }

    /// The name that the source was opened by, without the user, password and other secrets of an address.
    public let input: String
    /// What the container says; of a folder, what its first readable image does.
    public let information: Information

    /// The audio packets that are met on the way; nil for images.
    let audio: AudioQueue?
    /// The audio streams of the container.
    let audioStreams: [AudioQueue.Stream]

    private let options: Options
    private let workshop: PictureWorkshop
    private let shared = Locked(Report())
    private var reader: MediaReader?
    private let images: [String]
    private var nextImage = 0
    private var count = 0
    /// The time at which the last frame ends, for frames that have none.
    private var expected: Int64 = 0

    /// Opens an input.
    ///
    /// - Parameters:
    ///   - input: A file, `-` for standard input, a folder of images, a pattern such as `frames/*.png`, or anything with a
    ///     URL scheme that FFmpeg opens. Images are ordered so that `img2` comes before `img10`.
    ///   - options: How to read.
    /// - Throws: `VideoError`.
    public convenience init(_ input: String, options: Options = Options()) throws {
        try self.init(
            try InputName(input), input: InputName.hasScheme(input) ? Redaction.redact(input) : input, options: options)
    }

    /// Opens an address.
    ///
    /// - Parameters:
    ///   - address: Anything but `test:shapes`.
    ///   - credentials: Added to an address with a host; they appear in no error.
    ///   - options: How to read.
    /// - Throws: `VideoError`.
    public convenience init(
        _ address: SourceAddress, credentials: Credentials? = nil, options: Options = Options()
    ) throws {
        try self.init(try address.inputName(credentials), input: address.redacted, options: options)
    }

    /// Opens what has been told apart by name; `input` is what it is called in errors.
    init(_ name: InputName, input: String, options: Options) throws {
        precondition(options.imageFrameRate.isPositive, "images need a positive rate")
        self.input = input
        self.options = options
        workshop = PictureWorkshop(input: input)
        if case .images(let paths) = name {
            images = paths
            (audio, audioStreams) = (nil, [])
            var information: Information?
            var failure: (any Error)?
            // A damaged image at the front does not hide those behind it.
            for path in paths where information == nil {
                do {
                    let reader = try Self.imageReader(path, options)
                    // Some images say only in their pixels' headers how they stand.
                    let first = try reader.next()
                    defer { first.map(FFmpeg.free) }
                    information = Information(
                        reader, images: paths.count, rate: options.imageFrameRate,
                        orientation: reader.orientation(of: first))
                } catch { failure = failure ?? error }
            }
            guard let information else { throw failure ?? VideoError.noImages(folder: input) }
            self.information = information
        } else {
            images = []
            let audio = AudioQueue()
            let reader = try MediaReader(name, input: input, options: options, audio: audio)
            self.reader = reader
            self.audio = audio
            audioStreams = reader.audioStreams
            information = Information(reader)
        }
    }

    /// What has been read and lost so far; from any thread.
    public var report: Report {
        var report = shared.withLock { $0 }
        report.audioPacketsLost = audio?.lost ?? 0
        return report
    }

    /// Ends a read that waits for bytes, which then throws `VideoError.interrupted`, and every later one; from any thread.
    public func interrupt() { options.interrupter.interrupt() }

    var isInterrupted: Bool { options.interrupter.isInterrupted }

    /// Decodes the next frame; nil at the end.
    ///
    /// - Throws: `VideoError`: `.nothingDecoded` where the end comes before the first frame, `.readFailed` where a remote input
    ///   broke off, `.interrupted`.
    public func next() throws -> VideoFrame? {
        if let limit = options.limit, count >= limit { return nil }
        return images.isEmpty ? try nextFrame() : try nextFromImages()
    }

    private func nextFrame() throws -> VideoFrame? {
        guard let reader else { return nil }
        let frame: UnsafeMutablePointer<AVFrame>?
        do { frame = try reader.next() } catch {
            update(from: reader)
            throw error
        }
        update(from: reader)
        guard let frame else { return nil }
        let timeBase = Rational(reader.stream.pointee.time_base)
        let stamp =
            frame.pointee.pts != FFmpeg.noPTS
            ? frame.pointee.pts
            : frame.pointee.best_effort_timestamp != FFmpeg.noPTS ? frame.pointee.best_effort_timestamp : expected
        let duration = max(0, segmentd_frame_duration(frame))
        expected = stamp.addingReportingOverflow(max(1, duration)).partialValue
        return finish(
            frame, Timestamp(value: stamp, timeBase: timeBase), duration: duration,
            orientation: reader.orientation(of: frame), name: nil)
    }

    private func nextFromImages() throws -> VideoFrame? {
        while nextImage < images.count {
            if options.interrupter.isInterrupted { throw VideoError.interrupted(input: input) }
            let (index, path) = (nextImage, images[nextImage])
            nextImage += 1
            do {
                let reader = try Self.imageReader(path, options)
                guard let frame = try reader.next() else { continue }
                // The image's place is its time, so that one that cannot be read leaves a gap.
                return finish(
                    frame, Timestamp(value: Int64(index), timeBase: options.imageFrameRate.inverse), duration: 1,
                    orientation: reader.orientation(of: frame), name: Self.lastComponent(path))
            } catch VideoError.interrupted {
                throw VideoError.interrupted(input: input)
            } catch let error as VideoError {
                shared.withLock { report in
                    report.unreadableImageCount += 1
                    report.reason = report.reason ?? error.description
                    if report.unreadableImages.count < 100 { report.unreadableImages.append(Self.lastComponent(path)) }
                }
            }
        }
        guard count > 0 else { throw VideoError.nothingDecoded(input: input) }
        return nil
    }

    private static func imageReader(_ path: String, _ options: Options) throws -> MediaReader {
        var options = options
        // Threads of a decoder that gets a single packet would be started for nothing.
        options.threads = 1
        return try MediaReader(.file(path), input: path, options: options, audio: nil)
    }

    private func finish(
        _ frame: UnsafeMutablePointer<AVFrame>, _ timestamp: Timestamp, duration: Int64, orientation: Orientation,
        name: String?
    ) -> VideoFrame {
        let result = VideoFrame(
            frame, number: count, timestamp: timestamp, duration: duration, orientation: orientation, name: name,
            captureTime: .now, workshop: workshop)
        count += 1
        shared.withLock { report in
            report.framesDecoded += 1
            if result.isCorrupt { report.framesCorrupt += 1 }
        }
        return result
    }

    private func update(from reader: MediaReader) {
        shared.withLock { report in
            report.packetsLost = reader.losses.packets
            report.isTruncated = reader.losses.isTruncated
            report.reason = reader.losses.reason
        }
    }

    private static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}

extension MediaReader {
    /// How a frame has to be turned: the container's word counts before the frame's own.
    func orientation(of frame: UnsafePointer<AVFrame>?) -> Orientation {
        if let matrix = segmentd_stream_display_matrix(stream) { return Orientation(matrix: matrix) }
        if let frame, let matrix = segmentd_frame_display_matrix(frame) { return Orientation(matrix: matrix) }
        return .upright
    }

    var audioStreams: [AudioQueue.Stream] {
        guard let context else { return [] }
        return (0..<Int(context.pointee.nb_streams)).compactMap { index in
            guard let stream = context.pointee.streams[index],
                stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO
            else { return nil }
            return AudioQueue.Stream(pointer: stream, index: Int32(index))
        }
    }
}
