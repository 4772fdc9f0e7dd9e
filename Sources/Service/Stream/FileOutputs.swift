import Instances
import Outputs
import Video

/// The files of a stream that has an end; each is optional.
// Sendable: records come from one stage and pictures from another, each of which touches its own writers; `finish` and `cancel` come
// after both have stopped, but for the last stage's, which nothing comes after.
public final class FileOutputs: StreamSink, @unchecked Sendable {
    private let json: JSONLinesWriter?
    private let mot: MOTWriter?
    private let video: VideoWriter?
    /// Whether the files have their names.
    private(set) var isFinished = false

    public init(json: JSONLinesWriter? = nil, mot: MOTWriter? = nil, video: VideoWriter? = nil) {
        self.json = json
        self.mot = mot
        self.video = video
    }

    var needsPictures: Bool { video != nil }

    func write(_ result: FrameResult, events: [StreamEvent]) throws {
        try json?.write(result)
        try mot?.write(result)
    }

    /// Files of frames have no place for them.
    func write(_ events: [StreamEvent]) {}

    func write(_ picture: DrawnPicture) throws { try video?.write(picture.picture) }

    /// Gives all files their names, after everything that is likely to fail: text that a full disk has no room for, and
    /// the video's end.
    func finish() throws {
        try json?.flush()
        try mot?.flush()
        try video?.finish()
        try json?.finish()
        try mot?.finish()
        isFinished = true
    }

    /// Removes what was written. Without effect after `finish`.
    func cancel() {
        guard !isFinished else { return }
        video?.cancel()
        json?.cancel()
        mot?.cancel()
    }

    /// What the outputs have to say that is no failure.
    public var warnings: [String] { video?.warnings ?? [] }
}
