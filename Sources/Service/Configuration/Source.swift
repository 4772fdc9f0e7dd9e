import Video

extension StreamSettings {
    /// Where a stream's frames come from.
    public struct Source: Sendable, Equatable {
        /// `url`: a URL, a file, `/dev/videoN`, `-` or `test:PATTERN`, without credentials; a file's path is absolute.
        public var url: String
        /// `username`, `password`, `password_file`, `credentials`, or what stood in the URL.
        public var credentials = Credentials()
        /// `transport`: how RTSP carries media.
        public var transport = Transport.auto
        /// `open_timeout`: how long opening may take.
        public var openTimeout = Duration.seconds(10)
        /// `read_timeout`: how long no frame may come before the source counts as stalled.
        public var readTimeout = Duration.seconds(10)
        /// `reconnect`: how the next attempt follows a lost connection.
        public var reconnect = Reconnect()
        /// `loop`: whether a file starts again at its end.
        public var loop = false
        /// `native_rate`: whether a file is read as fast as it plays.
        public var nativeRate = false
        /// `options`: of FFmpeg's demuxer and protocol, as they are. They may hold secrets, and are not for logs.
        public var options: [String: String] = [:]
        /// `camera`: what a V4L2 camera is asked for.
        public var camera = Camera()

        public init(url: String) { self.url = url }

        /// The URL for people and logs, without whatever could be a secret in it.
        public var redacted: String { SourceAddress.redacted(url) }

        public enum Transport: String, Sendable, CaseIterable {
            case auto, tcp, udp
        }

        /// What a camera is asked for; what is nil is the camera's choice.
        public struct Camera: Sendable, Equatable {
            /// `format`: FFmpeg's name of a pixel format or codec, such as `mjpeg` or `yuyv422`.
            public var format: String?
            /// `size`: pixels.
            public var width: Int?
            public var height: Int?
            /// `rate`: frames a second.
            public var rate: Double?

            public init() {}
        }
    }

    /// The waits between attempts to connect: each twice the one before, with jitter.
    public struct Reconnect: Sendable, Equatable {
        /// `initial`: before the first attempt.
        public var initial = Duration.milliseconds(500)
        /// `maximum`: what no wait exceeds.
        public var maximum = Duration.seconds(30)
        /// `attempts`: in a row without success; nil for ever.
        public var attempts: Int?

        public init() {}
    }
}
