/// One line of what a stream tells its consumers.
public enum StreamRecord: Sendable, Equatable {
    /// The first line to every consumer.
    case hello(Hello)
    case frame(FrameResult)
    case event(StreamEvent)
    /// Records that this consumer did not get.
    case gap(Gap)
    /// A fault of the stream that does not end it, in words.
    case error(stream: String, time: String?, message: String)
    /// The last line: the stream has ended, and why.
    case end(stream: String, time: String?, reason: String)

    /// Who speaks, and in which words.
    public struct Hello: Sendable, Equatable {
        /// The version of the lines' form.
        public static let schema = 1
        /// The program and its version.
        public var program: String
        public var stream: String
        /// What the model can find.
        public var categories: [Category]

        public init(program: String, stream: String, categories: [Category]) {
            self.program = program
            self.stream = stream
            self.categories = categories
        }
    }

    /// What was left out since the line before.
    public struct Gap: Sendable, Equatable {
        public var stream: String
        /// Frames among the lost records.
        public var frames: Int
        /// Events among the lost records.
        public var events: Int
        /// Why, in a word or two, such as `slow client`.
        public var reason: String

        public init(stream: String, frames: Int, events: Int, reason: String) {
            self.stream = stream
            self.frames = frames
            self.events = events
            self.reason = reason
        }
    }

    /// One line of JSON, without the line's end.
    public func jsonLine() -> String {
        switch self {
        case .frame(let result): return result.jsonLine()
        case .event(let event): return event.jsonLine()
        default: break
        }
        var json = JSONText()
        json.object { json in
            switch self {
            case .frame, .event: break
            case .hello(let hello):
                json.string("type", "hello")
                json.integer("schema", Hello.schema)
                json.string("program", hello.program)
                json.string("stream", hello.stream)
                json.array("categories") { json in
                    for category in hello.categories {
                        json.object { json in
                            json.integer("id", category.id)
                            json.string("name", category.name)
                        }
                    }
                }
            case .gap(let gap):
                json.string("type", "gap")
                json.string("stream", gap.stream)
                json.integer("frames", gap.frames)
                json.integer("events", gap.events)
                json.string("reason", gap.reason)
            case .error(let stream, let time, let message):
                json.string("type", "error")
                json.string("stream", stream)
                if let time { json.string("time", time) }
                json.string("message", message)
            case .end(let stream, let time, let reason):
                json.string("type", "end")
                json.string("stream", stream)
                if let time { json.string("time", time) }
                json.string("reason", reason)
            }
        }
        return json.text
    }
}

/// A record and its line, made once for all who get it.
public final class EncodedRecord: Sendable {
    public let record: StreamRecord
    /// UTF-8, with the line's end.
    public let line: [UInt8]

    public init(_ record: StreamRecord) {
        self.record = record
        line = Array(record.jsonLine().utf8) + [UInt8(ascii: "\n")]
    }
}
