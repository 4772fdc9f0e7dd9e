import Configuration

/// What the daemon is told by its file, its environment and its flags; every value has passed its check.
///
/// Two configurations are equal where they mean the same, wherever in the file that is written; so are two of their
/// streams, by which a reload tells what changed.
public struct ServiceConfiguration: Sendable, Equatable {
    /// The file that it was read from.
    public var file: String
    /// `model`: the model's file; nil for the sample model.
    public var model: String?
    /// `http`: where the status page listens; nil for nowhere.
    public var http: HTTP? = HTTP()
    /// `log`: what is logged, and how.
    public var log = Log()
    /// `threads`: of the detector, 1...1024; nil for one a processor.
    public var threads: Int?
    /// `precision`: what products are computed in.
    public var precision = Precision.fp32
    /// `stop_timeout`: how long outputs may take to finish at the end.
    public var stopTimeout = Duration.seconds(10)
    /// `streams`: at least one, each with a name of its own.
    public var streams: [StreamSettings]
    /// What works and is likely not what is meant.
    public var warnings: [ConfigurationError.Issue] = []

    /// A configuration without any file.
    public init(file: String, streams: [StreamSettings]) {
        self.file = file
        self.streams = streams
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.model == right.model && left.http == right.http && left.log == right.log && left.threads == right.threads
            && left.precision == right.precision && left.stopTimeout == right.stopTimeout
            && left.streams == right.streams
    }

    /// A TCP address to listen on.
    public struct HTTP: Sendable, Equatable {
        /// `localhost`, an IPv4 address or an IPv6 address without its brackets.
        public var host = "127.0.0.1"
        /// 0...65535; with 0 the system chooses.
        public var port = 9470

        public init(host: String = "127.0.0.1", port: Int = 9470) {
            self.host = host
            self.port = port
        }
    }

    public struct Log: Sendable, Equatable {
        /// `level`: the least level that is logged, in swift-log's words.
        public var level = Level.info
        /// `format`: how a message is written.
        public var format = Format.auto

        public init(level: Level = .info, format: Format = .auto) {
            self.level = level
            self.format = format
        }

        public enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, Sendable, CaseIterable {
            /// The journal's where standard error goes to the journal, plain text elsewhere.
            case auto
            /// One line a message, with its time.
            case text
            /// One JSON object a message.
            case json
        }
    }

    /// What the detector's products are computed in.
    public enum Precision: String, Sendable, CaseIterable {
        case fp32, bf16, int8
    }
}

/// A password: what prints it gets three asterisks.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    public init(_ text: String) { self.text = text }

    /// The password itself, for whoever has to send it.
    public func reveal() -> String { text }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A name and a password for whoever asks for them.
public struct Credentials: Sendable, Equatable {
    public var username: String?
    public var password: Secret?

    public init(username: String? = nil, password: Secret? = nil) {
        self.username = username
        self.password = password
    }

    public var isEmpty: Bool { username == nil && password == nil }
}
