import CFFmpeg

extension VideoSource {
    /// What a container says about its video before a frame is decoded.
    public struct Information: Sendable, Equatable {
        /// Pixels, upright.
        public var width: Int
        /// Pixels, upright.
        public var height: Int
        /// Average frames a second; nil where unknown.
        public var frameRate: Rational?
        /// Seconds a tick of the frames' timestamps.
        public var timeBase: Rational
        /// An estimate: what the container says, or duration times rate.
        public var frameCount: Int?
        /// Seconds; nil for what has no end, and where the container does not say.
        public var duration: Double?
        /// FFmpeg's name, such as `h264`.
        public var codecName: String
        /// FFmpeg's name, such as `yuv420p10le`.
        public var pixelFormatName: String
        /// FFmpeg's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
        public var containerName: String
        /// Width of a pixel by its height, upright; 1/1 where unknown.
        public var sampleAspectRatio: Rational
        /// Degrees by which the stored picture is turned clockwise to stand upright: 0, 90, 180 or 270.
        public var rotation: Int
        /// FFmpeg's name of the YUV matrix, such as `bt709`, or `unknown`.
        public var colorSpaceName: String
        /// Whether there is an audio stream.
        public var hasAudio: Bool
    }
}

extension VideoSource.Information {
    /// Reads an opened container; of a sequence of images, one by one at a rate, it is the first.
    init(_ reader: MediaReader, images: Int? = nil, rate: Rational? = nil, orientation: Orientation? = nil) {
        let stream = reader.stream
        let parameters = stream.pointee.codecpar.pointee
        let orientation = orientation ?? reader.orientation(of: nil)
        (width, height) = orientation.size(width: Int(parameters.width), height: Int(parameters.height))
        rotation = orientation.degrees
        let average = Rational(stream.pointee.avg_frame_rate)
        let base = Rational(stream.pointee.r_frame_rate)
        frameRate = rate ?? (average.isPositive ? average : base.isPositive ? base : nil)
        timeBase = rate?.inverse ?? Rational(stream.pointee.time_base)
        codecName = FFmpeg.codecName(parameters.codec_id)
        pixelFormatName = FFmpeg.formatName(AVPixelFormat(parameters.format))
        containerName =
            reader.context.map { String(cString: $0.pointee.iformat.pointee.name) } ?? "unknown"
        let ratio = Rational(av_guess_sample_aspect_ratio(reader.context, stream, nil))
        let known = ratio.isPositive ? ratio : Rational(1, 1)
        sampleAspectRatio = orientation.transposes ? known.inverse : known
        colorSpaceName = av_color_space_name(parameters.color_space).map { String(cString: $0) } ?? "unknown"
        hasAudio = !reader.audioStreams.isEmpty
        if let images, let frameRate {
            frameCount = images
            duration = Double(images) / frameRate.value
            return
        }
        if stream.pointee.duration != FFmpeg.noPTS && stream.pointee.duration > 0 {
            duration = Double(stream.pointee.duration) * timeBase.value
        } else if let total = reader.context?.pointee.duration, total != FFmpeg.noPTS && total > 0 {
            duration = Double(total) / Double(AV_TIME_BASE)
        } else {
            duration = nil
        }
        if stream.pointee.nb_frames > 0 {
            frameCount = Int(stream.pointee.nb_frames)
        } else if let duration, let frameRate, (0..<1e12).contains(duration * frameRate.value) {
            frameCount = Int((duration * frameRate.value).rounded())
        } else {
            frameCount = nil
        }
    }
}
