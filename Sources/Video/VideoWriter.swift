import CFFmpeg
import Files
import Instances

/// Encodes pictures into a video file, with the audio of a source beside them.
///
/// Pictures keep the presentation times that they had in their source. The bytes go to a hidden neighbour of the final name,
/// in a form that plays up to its last fragment even if the process is killed; the name appears with `finish()`.
// Sendable: used by one thread at a time; the audio queue, which the source's thread fills, locks itself.
public final class VideoWriter: @unchecked Sendable {
    /// How to encode.
    public struct Options: Sendable {
        /// A codec (`h264`, `hevc`, `vp9`, `av1`, `mjpeg`, `ffv1`, ...) or one of FFmpeg's encoders (`libx264`, ...).
        public var codec: String
        /// The encoder's constant quality (its `crf`), or for `mjpeg` and `mpeg4` the quantiser; nil for a default.
        public var quality: Int?
        /// The encoder's preset; nil for a quick one.
        public var preset: String?
        /// Threads of the encoder; 0 for as many as there are processors.
        public var threads: Int
        /// FFmpeg's name of the container; nil to tell it from the file's suffix.
        public var container: String?

        public init(
            codec: String = "h264", quality: Int? = nil, preset: String? = nil, threads: Int = 0,
            container: String? = nil
        ) {
            self.codec = codec
            self.quality = quality
            self.preset = preset
            self.threads = threads
            self.container = container
        }
    }

    /// What the pictures have in common.
    public struct Format: Sendable, Equatable {
        /// Pixels; pictures of another size are scaled to this.
        public var width: Int
        /// Pixels.
        public var height: Int
        /// Width of a pixel by its height.
        public var sampleAspectRatio: Rational
        /// Seconds a tick of the pictures' timestamps.
        public var timeBase: Rational
        /// Average frames a second, a hint for the encoder; nil where unknown.
        public var frameRate: Rational?

        public init(
            width: Int, height: Int, sampleAspectRatio: Rational = Rational(1, 1), timeBase: Rational,
            frameRate: Rational? = nil
        ) {
            self.width = width
            self.height = height
            self.sampleAspectRatio = sampleAspectRatio
            self.timeBase = timeBase
            self.frameRate = frameRate
        }

        /// What a source's frames will have.
        public init(_ information: VideoSource.Information) {
            self.init(
                width: information.width, height: information.height,
                sampleAspectRatio: information.sampleAspectRatio, timeBase: information.timeBase,
                frameRate: information.frameRate)
        }
    }

    /// The final name.
    public let path: String
    /// What is not as it was asked for, in words for the user.
    public private(set) var warnings: [String] = []
    /// Pictures written.
    public private(set) var count = 0

    let format: Format
    private let options: Options
    private let file: AtomicFile
    private let source: VideoSource?
    private let muxer: Muxer
    private let codec: UnsafePointer<AVCodec>
    /// Opened with the first picture, which tells colours.
    private var encoder: VideoEncoder?
    private var isOpen = true
    /// For pictures that come as RGB.
    private let workshop: PictureWorkshop

    /// Opens the output.
    ///
    /// To be called before the first frame is taken from `audioFrom`: audio that was read earlier is lost.
    ///
    /// - Parameters:
    ///   - path: A name whose suffix names the container, such as `.mp4`, `.mkv` or `.mov`.
    ///   - format: What the pictures have in common.
    ///   - audioFrom: A source whose audio streams are copied, packet by packet.
    /// - Throws: `FileError` where the file cannot be made; `VideoError.unknownContainer`, `.unknownCodec`, `.noEncoder`,
    ///   `.unknownPreset`, `.qualityOutOfRange`, `.codecNotInContainer`, `.badSize`, `.refused`.
    public init(path: String, format: Format, options: Options = Options(), audioFrom: VideoSource? = nil) throws {
        FFmpeg.prepare()
        self.path = path
        self.format = format
        self.options = options
        source = audioFrom
        workshop = PictureWorkshop(input: path)
        guard PictureLimits.accept(width: format.width, height: format.height) else {
            throw VideoError.badSize(input: path, width: format.width, height: format.height)
        }
        precondition(format.timeBase.isPositive, "a time base is positive")
        let container = try Muxer.container(path: path, name: options.container)
        codec = try VideoEncoder.find(options.codec)
        try VideoEncoder.validate(options, for: codec, path: path)
        guard Muxer.takes(container, codec.pointee.id) else {
            throw VideoError.codecNotInContainer(
                codec: FFmpeg.codecName(codec.pointee.id), container: String(cString: container.pointee.name))
        }
        file = try AtomicFile(path: path)
        muxer = try Muxer(container, path: path, writingTo: file.temporaryPath)
        if let audioFrom {
            warnings += try muxer.addAudio(audioFrom.audioStreams)
            if muxer.hasAudio { audioFrom.audio?.want() }
        }
    }

    deinit { cancel() }

    /// Encodes a picture; nothing may draw on it afterwards.
    ///
    /// - Throws: `FileError.diskFull` and its like, `VideoError.refused`. The writer is then to be cancelled.
    public func write(_ picture: DrawablePicture) throws {
        precondition(isOpen, "the writer is neither finished nor cancelled")
        let encoder = try encoder ?? start(with: picture)
        try encoder.encode(picture, to: muxer.writeVideo)
        count += 1
        try copyAudio()
    }

    /// Encodes an RGB picture, as BT.601 in limited range.
    ///
    /// - Parameters:
    ///   - duration: Ticks of the timestamp's time base; 0 where unknown.
    /// - Throws: As the other `write`.
    public func write(_ image: RGBImage, at timestamp: Timestamp, duration: Int64 = 0) throws {
        let frame = try workshop.images.frame(of: image)
        defer { FFmpeg.free(frame) }
        let copy = try workshop.yuv.yuvFrame(frame, orientation: .upright, from: workshop.frames, input: path)
        try write(DrawablePicture(frame: copy, timestamp: timestamp, duration: duration))
    }

    /// Writes what is left and gives the file its name.
    ///
    /// - Throws: As `write`, and `VideoError.nothingDecoded` where no picture came; nothing is left behind then.
    public func finish() throws {
        guard isOpen else { return }
        do {
            guard let encoder else {
                throw VideoError.refused(path: path, what: "nothing to write", reason: "there was no picture")
            }
            try encoder.finish(to: muxer.writeVideo)
            try copyAudio()
            try muxer.finish()
            if encoder.moved > 0 {
                warnings.append(
                    "\(encoder.moved) pictures had no later time than the one before and were moved by a tick")
            }
            if muxer.droppedAudio > 0 {
                warnings.append("\(muxer.droppedAudio) audio packets with disordered times were left out")
            }
            if let lost = source?.report.audioPacketsLost, lost > 0 {
                warnings.append("\(lost) audio packets were lost because the video came too late")
            }
            isOpen = false
            try file.commit()
        } catch {
            cancel()
            throw error
        }
    }

    /// Removes what was written. Without effect after `finish()`.
    public func cancel() {
        isOpen = false
        muxer.close()
        file.cancel()
    }

    private func start(with picture: DrawablePicture) throws -> VideoEncoder {
        let encoder = try VideoEncoder(
            codec, format: format, options: options, first: picture, needsHeader: muxer.needsGlobalHeader, path: path)
        try muxer.describeVideo(encoder)
        try muxer.start()
        self.encoder = encoder
        return encoder
    }

    private func copyAudio() throws {
        guard muxer.hasAudio, let source else { return }
        for packet in source.audio?.takeAll() ?? [] { try muxer.writeAudio(packet) }
    }
}
