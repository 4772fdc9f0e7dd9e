import Instances

extension VideoBroadcast {
    /// How to encode.
    public struct Options: Sendable {
        /// What happens to a picture that finds the encoder's queue full.
        public enum Policy: Sendable {
            /// The oldest waiting picture is dropped and counted.
            case newestWins
            /// `write` waits, for a disk that is slow too.
            case block
        }

        /// `h264` or `hevc`, or an encoder of FFmpeg's for one of them. Only H.264 plays everywhere, and goes over RTMP.
        public var codec: String
        /// The encoder's constant quality (its `crf`); nil for a default.
        public var quality: Int?
        /// The encoder's preset; nil for a quick one.
        public var preset: String?
        /// Threads of the encoder; 0 for as many as there are processors.
        public var threads: Int
        /// The most bits a second, over a second; nil for as many as the quality needs.
        public var maximumBitRate: Int?
        /// The longest time between two keyframes. HLS has one at the beginning of each segment beside them.
        public var keyframeInterval: Duration
        /// What happens to a picture that finds the queue full.
        public var policy: Policy
        /// The most pictures that wait for the encoder.
        public var pictures: Int
        /// Width of a pixel by its height.
        public var sampleAspectRatio: Rational
        /// Average frames a second, a hint for the encoder; nil where unknown.
        public var frameRate: Rational?

        public init(
            codec: String = "h264", quality: Int? = nil, preset: String? = nil, threads: Int = 1,
            maximumBitRate: Int? = nil, keyframeInterval: Duration = .seconds(2), policy: Policy = .newestWins,
            pictures: Int = 16, sampleAspectRatio: Rational = Rational(1, 1), frameRate: Rational? = nil
        ) {
            self.codec = codec
            self.quality = quality
            self.preset = preset
            self.threads = threads
            self.maximumBitRate = maximumBitRate
            self.keyframeInterval = keyframeInterval
            self.policy = policy
            self.pictures = pictures
            self.sampleAspectRatio = sampleAspectRatio
            self.frameRate = frameRate
        }
    }

    /// What happened, for a log. Targets are named as in `Status`.
    public enum Event: Sendable, Equatable {
        /// A target has been opened, for the first time or again.
        case targetRunning(target: String)
        /// A target has failed and will be opened again.
        case targetFailed(target: String, reason: String, retryIn: Duration)
        /// A file of a recording is whole and has its final name.
        case segment(path: String, start: WallClock, duration: Duration, bytes: Int)
        /// A file that a killed process or a failure left behind has been trimmed and given its final name.
        case recovered(path: String, bytes: Int)
        /// A file of a recording was removed because of its age or the folder's size.
        case removed(path: String)
        /// Something that a target could not do and goes on without.
        case targetWarning(target: String, message: String)
        /// The encoder has failed; pictures are dropped until it is opened again.
        case encoderFailed(reason: String, retryIn: Duration)
    }

    /// What has been done so far.
    public struct Status: Sendable, Equatable {
        public var picturesEncoded = 0
        /// Pictures that found the queue full, or no encoder.
        public var picturesDropped = 0
        /// Pictures that wait for the encoder now.
        public var queueDepth = 0
        /// Why there is no encoder now; nil while there is one.
        public var encoderError: String?
        /// In the order in which they were given.
        public var targets: [TargetStatus] = []

        public init() {}
    }

    /// What one target has done so far.
    public struct TargetStatus: Sendable, Equatable {
        public enum State: Sendable, Equatable {
            /// Not opened yet: there was no picture.
            case starting
            case running
            /// Closed after a failure, to be opened again so long after it.
            case waiting(retryIn: Duration)
            /// Given up while it was being ended.
            case failed
            /// Ended.
            case ended
        }

        /// What kind of target it is and where, without any secret, such as `record /var/lib/door`.
        public var name: String
        public var state = State.starting
        /// The last failure; kept when the target runs again.
        public var lastError: String?
        /// How often it has failed.
        public var failures = 0
        /// Bytes of coded pictures written.
        public var bytes = 0
        /// Files of a recording that are whole.
        public var segments = 0
        /// Coded pictures that were dropped because the target was too slow, or not there.
        public var packetsDropped = 0
        /// Coded pictures that wait for the target now.
        public var queueDepth = 0

        public init(name: String) { self.name = name }
    }
}
