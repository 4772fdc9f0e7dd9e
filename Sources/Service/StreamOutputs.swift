import Instances
import Outputs
import Video

/// Where a stream's results go; each is optional.
///
/// Not for two threads at once.
// Sendable: whoever makes it hands it to a pipeline, of which only the last stage calls it.
public final class StreamOutputs: @unchecked Sendable {
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

    /// Whether frames are to be drawn on.
    public var needsPictures: Bool { video != nil }

    /// Writes a frame to every output.
    ///
    /// - Throws: `FileError`, `VideoError`; all outputs are then to be cancelled.
    func write(_ result: FrameResult, picture: DrawablePicture?) throws {
        try json?.write(result)
        try mot?.write(result)
        if let picture { try video?.write(picture) }
    }

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

    /// Removes what was written.
    public func cancel() {
        video?.cancel()
        json?.cancel()
        mot?.cancel()
    }

    /// What the outputs have to say that is no failure.
    public var warnings: [String] { video?.warnings ?? [] }
}
