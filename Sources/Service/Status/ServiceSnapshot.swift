import Instances

/// The daemon at one moment, for those who ask from outside.
public struct ServiceSnapshot: Sendable {
    /// The program and its version.
    public var program = ""
    public var started = WallClock(seconds: 0)
    /// Seconds since.
    public var uptime = 0.0
    /// The model's file, without its folder.
    public var model = ""
    /// The instructions that products are computed with.
    public var engine = ""
    /// What products are computed in.
    public var precision = ""
    public var process = ProcessUsage()
    /// Turns at the engine that streams wait for now.
    public var waitingForEngine = 0
    public var streams: [StreamSnapshot] = []

    public init() {}
}

/// What the process has taken of the machine.
public struct ProcessUsage: Sendable, Equatable {
    /// Bytes.
    public var residentMemory = 0
    public var openDescriptors = 0
    public var threads = 0
    /// Processor time, seconds.
    public var processorTime = 0.0

    public init() {}
}

/// One stream at one moment.
public struct StreamSnapshot: Sendable {
    public enum State: String, Sendable {
        /// The source is being opened.
        case connecting
        case running
        /// A fault, after which the source or the pipeline starts again soon.
        case waiting
        case ended
        case failed
    }

    /// Frames that a queue had no room for.
    public struct Drop: Sendable, Equatable {
        /// The stage that would have taken them.
        public var stage: String
        public var reason: String
        public var count: Int
    }

    /// Where results go.
    public struct Output: Sendable, Equatable {
        public var name: String
        public var state: String
        public var lastError: String?
        /// Records, or bytes of video.
        public var written = 0
        /// Records, or pictures.
        public var dropped = 0
        public var queueDepth = 0
        public var clients = 0
        public var connections = 0
        public var segments = 0
        /// Whether it takes video, so that `written` are bytes.
        public var isVideo = false
    }

    /// An object that is there now.
    public struct Track: Sendable, Equatable {
        public var id: Int?
        public var category: String
        public var score: Double
        /// x, y, width, height, pixels.
        public var box: [Double]
    }

    public var name = ""
    /// Without any secret.
    public var source = ""
    public var state = State.connecting
    public var since = WallClock(seconds: 0)
    public var lastError: String?
    public var width = 0
    public var height = 0
    /// Frames a second that the source promises.
    public var sourceRate: Double?
    public var policy = ""
    public var framesIn = 0
    public var framesInferred = 0
    public var framesPredicted = 0
    public var framesStill = 0
    public var dropped: [Drop] = []
    /// Items that wait, by the stage that they wait for.
    public var queues: [(stage: String, depth: Int)] = []
    public var inference = LatencyHistogram()
    /// From the decoder to the record, of inferred frames.
    public var latency = LatencyHistogram()
    public var reconnects = 0
    public var restarts = 0
    public var tracks: [Track] = []
    /// The last events, the oldest first.
    public var events: [StreamEvent] = []
    public var outputs: [Output] = []

    public init() {}
}

/// What answers about the daemon are made of.
public protocol ServiceInspection: Sendable {
    func snapshot() -> ServiceSnapshot
    /// Whether all streams have been started.
    var isReady: Bool { get }
    /// What is wrong with the daemon; nil where every part gets on with its work.
    var illness: String? { get }
    /// The last picture of a stream with its objects drawn, as JPEG; nil where there is no such stream, or no picture yet.
    func picture(of stream: String, maxWidth: Int) async -> (jpeg: [UInt8], frame: Int)?
}
