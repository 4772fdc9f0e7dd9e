import Video

/// Where a stream's results go. Paths are absolute, and `{stream}` in them has become the stream's name.
public enum StreamOutput: Sendable, Equatable {
    /// `socket`: JSON lines for any number of clients of a Unix socket. Streams may share one.
    case socket(Socket)
    /// `json`: JSON lines in a file.
    case json(Lines)
    /// `record`: annotated video in segments.
    case record(Recording)
    /// `hls`: annotated video as a folder for HTTP servers.
    case hls(HLS)
    /// `push`: annotated video to a server.
    case push(Push)
    /// `mqtt`: records to a broker.
    case mqtt(MQTT)

    public struct Socket: Sendable, Equatable {
        /// `path`: at most 107 bytes.
        public var path: String
        /// `mode`: the socket's permissions.
        public var mode: UInt32 = 0o660
        /// `owner`: a user's name or number; nil for the process's.
        public var owner: String?
        /// `group`: a group's name or number; nil for the process's.
        public var group: String?
        /// `queue`: records that wait for one client at most.
        public var queue = 256
        /// `queue_size`: bytes that wait for one client at most.
        public var queueSize = 8 << 20

        public init(path: String) { self.path = path }
    }

    public struct Lines: Sendable, Equatable {
        /// `path`: a file, or `-` for standard output.
        public var path: String
        /// `rotate.size`: bytes after which a new file begins; nil for any number.
        public var rotateSize: Int?
        /// `rotate.every`: the time after which a new file begins; nil for never.
        public var rotateEvery: Duration?
        /// `rotate.keep`: finished files that are kept; nil for all.
        public var keep: Int?
        /// `fsync`: when lines are made durable.
        public var sync = Sync.never

        public init(path: String) { self.path = path }

        public enum Sync: Sendable, Equatable {
            case never
            /// After every record.
            case always
            case every(Duration)
        }
    }

    public struct Recording: Sendable, Equatable {
        /// `directory`: the folder of the segments.
        public var directory: String
        /// `segment`: a segment's length.
        public var segment = Duration.seconds(60)
        /// `keep`: the age at which segments are removed; nil for never.
        public var keep: Duration?
        /// `max_size`: bytes of all segments together; nil for any number.
        public var maximumSize: Int?

        public init(directory: String) { self.directory = directory }
    }

    public struct HLS: Sendable, Equatable {
        /// `directory`: the folder of playlist and segments.
        public var directory: String
        /// `segment`: a segment's length.
        public var segment = Duration.seconds(2)
        /// `window`: segments in the playlist.
        public var window = 6

        public init(directory: String) { self.directory = directory }
    }

    public struct Push: Sendable, Equatable {
        /// `url`: of a server that takes video, without credentials.
        public var url: String
        /// `username`, `password`, `password_file`, `credentials`, or what stood in the URL.
        public var credentials = Credentials()
        /// `timeout`: how long a call of the network may take.
        public var timeout = Duration.seconds(10)
        /// `reconnect`: how the next attempt follows a lost connection.
        public var reconnect = StreamSettings.Reconnect()

        public init(url: String) { self.url = url }

        /// The URL for people and logs, without whatever could be a secret in it.
        public var redacted: String { SourceAddress.redacted(url) }
    }

    public struct MQTT: Sendable, Equatable {
        /// `host`: the broker's name or address.
        public var host: String
        /// `port`: 1883 if not given, or 8883 with TLS.
        public var port = 1883
        /// `topic`: what all topics begin with, without a slash at the end.
        public var topic: String
        /// `qos`: 0, 1 or 2.
        public var qos = 1
        /// `client_id`: no other client of the broker may have it; nil for one made of the stream's name.
        public var clientID: String?
        /// `username`, `password`, `password_file`, `credentials`.
        public var credentials = Credentials()
        /// `tls`: nil for none.
        public var tls: TLS?
        /// `keepalive`: between signs of life, in whole seconds.
        public var keepalive = Duration.seconds(30)
        /// `queue`: records that wait for the broker at most.
        public var queue = 10_000
        /// `queue_size`: bytes that wait for the broker at most.
        public var queueSize = 64 << 20

        public init(host: String, topic: String) {
            self.host = host
            self.topic = topic
        }

        /// What secures the connection; a nil `ca` means the system's authorities.
        public struct TLS: Sendable, Equatable {
            public var ca: String?
            public var certificate: String?
            public var key: String?

            public init() {}
        }
    }
}
