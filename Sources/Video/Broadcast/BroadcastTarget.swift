extension VideoBroadcast {
    /// Where the encoded pictures go.
    public enum Target: Sendable {
        case record(RecordOptions)
        case hls(HLSOptions)
        case push(PushOptions)
    }

    /// Files of MP4 in a folder, each of which begins at a whole multiple of their duration since midnight UTC.
    public struct RecordOptions: Sendable {
        /// Made where it is missing.
        public var directory: String
        /// Duration of a file, from one second to a day.
        public var segment: Duration
        /// How long a file is kept after its end; nil for always.
        public var keep: Duration?
        /// The most bytes of this stream's files; nil for as many as there are.
        public var maxSize: Int?
        /// How long to wait after failures.
        public var backoff: Backoff

        public init(
            directory: String, segment: Duration = .seconds(60), keep: Duration? = nil, maxSize: Int? = nil,
            backoff: Backoff = Backoff(initial: .seconds(1))
        ) {
            self.directory = directory
            self.segment = segment
            self.keep = keep
            self.maxSize = maxSize
            self.backoff = backoff
        }
    }

    /// A folder with a playlist of the last few seconds, to be served by any web server (RFC 8216).
    public struct HLSOptions: Sendable {
        /// Made where it is missing. It belongs to this stream alone.
        public var directory: String
        /// Duration of a file, at least half a second.
        public var segment: Duration
        /// Files in the playlist, at least 2.
        public var window: Int
        /// How long to wait after failures.
        public var backoff: Backoff

        public init(
            directory: String, segment: Duration = .seconds(2), window: Int = 6,
            backoff: Backoff = Backoff(initial: .seconds(1))
        ) {
            self.directory = directory
            self.segment = segment
            self.window = window
            self.backoff = backoff
        }
    }

    /// A server or a peer that takes the stream over the network.
    public struct PushOptions: Sendable {
        /// `rtsp://`, `rtsps://`, `rtmp://`, `rtmps://`, `srt://` or `udp://`. User information, secrets in the
        /// query and RTMP's stream key are never shown.
        public var url: String
        /// In place of those in the URL.
        public var credentials: Credentials?
        /// The longest that any single exchange with the peer may take.
        public var timeout: Duration
        /// How long to wait after failures.
        public var backoff: Backoff

        public init(
            url: String, credentials: Credentials? = nil, timeout: Duration = .seconds(10), backoff: Backoff = Backoff()
        ) {
            self.url = url
            self.credentials = credentials
            self.timeout = timeout
            self.backoff = backoff
        }
    }
}

extension VideoBroadcast.Target {
    /// What the target is called in events and status.
    var name: String {
        switch self {
        case .record(let options): "record \(options.directory)"
        case .hls(let options): "hls \(options.directory)"
        case .push(let options): "push \(PushAddress.redact(options.url))"
        }
    }

    /// The beginning of its thread's name.
    var kind: String {
        switch self {
        case .record: "rec"
        case .hls: "hls"
        case .push: "push"
        }
    }

    var backoff: Backoff {
        switch self {
        case .record(let options): options.backoff
        case .hls(let options): options.backoff
        case .push(let options): options.backoff
        }
    }

    /// Some seconds of a stream: a disk may be asleep, but a viewer wants the present.
    func queueLimits(isBlocking: Bool) -> PacketQueue.Limits {
        switch self {
        case .record, .hls: PacketQueue.Limits(packets: 512, size: 32 << 20, isBlocking: isBlocking)
        case .push: PacketQueue.Limits(packets: 256, size: 16 << 20, prefersNewest: true)
        }
    }

    /// Checks what can be known before anything is opened.
    ///
    /// - Throws: `VideoError.refused`.
    func validate() throws {
        func refuse(_ what: String, _ reason: String) -> VideoError {
            .refused(path: name, what: what, reason: reason)
        }
        switch self {
        case .record(let options):
            guard !options.directory.isEmpty else { throw refuse("no folder", "its name is empty") }
            guard (.seconds(1)...(.seconds(86_400))).contains(options.segment) else {
                throw refuse("bad duration of a segment", "give one second to one day")
            }
            guard options.keep ?? .zero >= .zero, options.maxSize ?? 0 >= 0 else {
                throw refuse("bad retention", "give a positive age and size, or none")
            }
        case .hls(let options):
            guard !options.directory.isEmpty else { throw refuse("no folder", "its name is empty") }
            guard !options.directory.contains("%") else {
                throw refuse("bad folder", "FFmpeg takes a percent sign in it for a number's place")
            }
            guard (.milliseconds(500)...(.seconds(60))).contains(options.segment) else {
                throw refuse("bad duration of a segment", "give half a second to one minute")
            }
            guard (2...1000).contains(options.window) else {
                throw refuse("bad window", "give 2 to 1000 segments")
            }
        case .push(let options):
            _ = try PushAddress(options.url, credentials: options.credentials)
            guard options.timeout > .zero else { throw refuse("bad timeout", "give a positive time") }
        }
    }

    /// Opens the target.
    func open(stream: String, reporter: TargetReporter, interrupter: Interrupter) throws -> any PacketWriter {
        switch self {
        case .record(let options): try RecordWriter(options, stream: stream, reporter: reporter)
        case .hls(let options): try HLSWriter(options, reporter: reporter)
        case .push(let options): try PushWriter(options, interrupter: interrupter)
        }
    }
}
