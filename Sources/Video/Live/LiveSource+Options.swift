import Instances

extension LiveSource {
    /// How RTSP's media travel.
    public enum Transport: String, Sendable, CaseIterable {
        /// Over TCP, and over UDP where the server does not offer that: what TCP delivers is whole, passes firewalls, and is
        /// late only where packets are lost.
        case automatic
        /// Inside the RTSP connection.
        case tcp
        /// As datagrams, of which lost ones damage pictures, but delay none.
        case udp
    }

    /// How fast frames are given.
    public enum Pace: String, Sendable, CaseIterable {
        /// As soon as the source has them.
        case asFast
        /// By their presentation times, as a camera would.
        case native
    }

    /// How to connect, to wait and to try again.
    public struct Options: Sendable {
        public var transport: Transport
        /// How long connecting may take, up to the first picture's size being known.
        public var openTimeout: Duration
        /// How long a frame may take, whatever else comes meanwhile, before the connection counts as stalled. Named pipes
        /// and standard input, whose writers may pause, are waited for without a bound.
        public var readTimeout: Duration
        public var backoff: Backoff
        /// How long frames must have come for the next failure to count as the first.
        public var healthyAfter: Duration
        /// Failures in a row after which `next` throws; never where nil.
        public var attempts: Int?
        /// Where nil, test patterns come at their own speed and all else as fast as it can.
        public var pace: Pace?
        /// Whether what has an end, such as a file, begins anew at its end.
        public var loop: Bool
        public var camera: VideoSource.CameraSettings
        /// FFmpeg's options for the container or protocol by name; they go before those that are chosen here.
        public var formatOptions: [String: String]
        /// Threads of the decoder; 0 for as many as there are processors.
        public var threads: Int
        /// Frames a second of a folder of images.
        public var imageFrameRate: Rational
        /// Put into the address instead of those that it may have.
        public var credentials: Credentials?
        /// What the backoff's jitter is drawn from.
        public var generator: any RandomNumberGenerator & Sendable

        public init(
            transport: Transport = .automatic, openTimeout: Duration = .seconds(10),
            readTimeout: Duration = .seconds(10), backoff: Backoff = Backoff(), healthyAfter: Duration = .seconds(10),
            attempts: Int? = nil, pace: Pace? = nil, loop: Bool = false,
            camera: VideoSource.CameraSettings = VideoSource.CameraSettings(), formatOptions: [String: String] = [:],
            threads: Int = 1, imageFrameRate: Rational = Rational(25, 1), credentials: Credentials? = nil,
            generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
        ) {
            self.transport = transport
            self.openTimeout = openTimeout
            self.readTimeout = readTimeout
            self.backoff = backoff
            self.healthyAfter = healthyAfter
            self.attempts = attempts
            self.pace = pace
            self.loop = loop
            self.camera = camera
            self.formatOptions = formatOptions
            self.threads = threads
            self.imageFrameRate = imageFrameRate
            self.credentials = credentials
            self.generator = generator
        }

        /// What a connection to the address is opened with.
        func sourceOptions(for address: SourceAddress, interrupter: Interrupter) -> VideoSource.Options {
            var settings = defaults(for: address)
            settings.merge(formatOptions) { _, own in own }
            let waits = address.isLive && !address.isPipe
            return VideoSource.Options(
                imageFrameRate: imageFrameRate, threads: threads, formatOptions: settings, interrupter: interrupter,
                openTimeout: waits ? openTimeout : nil, readTimeout: waits ? readTimeout : nil,
                isLowDelay: address.isLive, camera: camera)
        }

        /// FFmpeg's `nobuffer` is not among them: it throws away what probing has read, and with it the key frame without
        /// which a camera shows nothing for up to several seconds.
        private func defaults(for address: SourceAddress) -> [String: String] {
            guard case .url(let scheme) = address.kind else { return [:] }
            switch scheme {
            case "rtsp", "rtsps":
                // Without this, a camera whose announced sound never comes is probed for as long as allowed.
                var settings = ["allowed_media_types": "video"]
                switch transport {
                case .automatic: settings["rtsp_flags"] = "prefer_tcp"
                case .tcp, .udp: settings["rtsp_transport"] = transport.rawValue
                }
                return settings
            case "udp":
                // A burst that overruns the buffer costs packets, and not the connection.
                return ["overrun_nonfatal": "1"]
            default: return [:]
            }
        }
    }

    /// What happens to a source, as it happens.
    public enum Event: Sendable, Equatable {
        /// A connection is being opened; `attempt` counts those since frames last came for a while, from 1.
        case connecting(attempt: Int)
        case connected(VideoSource.Information)
        /// The connection could not be opened, or broke off; the next attempt follows after a wait.
        case lost(reason: String, retryIn: Duration)
        /// There will be no more frames.
        case ended
    }

    /// How a source is doing.
    public struct Status: Sendable, Equatable {
        public enum State: String, Sendable {
            /// A connection is being opened, or will be at the first `next`.
            case connecting
            /// Frames come.
            case running
            /// Between two attempts.
            case waiting
            /// There will be no more frames.
            case ended
        }

        public var state = State.connecting
        /// Connections that were made after an earlier one had been lost.
        public var reconnects = 0
        /// Why the last connection was lost or not made.
        public var lastError: String?
        /// Frames given.
        public var frames = 0
        /// What the present connection's container says, or the last one's.
        public var information: VideoSource.Information?
        /// When the last frame came.
        public var lastFrame: WallClock?
        /// What all connections together have lost.
        public var losses = Losses()

        /// Damage, over all connections.
        public struct Losses: Sendable, Equatable {
            /// Frames in which the decoder concealed damage.
            public var framesCorrupt = 0
            /// Packets that could not be read whole or not be decoded.
            public var packetsLost = 0
        }
    }
}
