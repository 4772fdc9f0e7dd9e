/// What was found in one frame of a stream.
public struct FrameResult: Sendable, Equatable {
    /// The stream's name.
    public var stream: String
    /// The frame's number in its source, from 0.
    public var frame: Int
    /// Presentation time in the source, seconds.
    public var pts: Double
    /// Wall-clock time of capture, RFC 3339, where the source is live.
    public var time: String?
    /// Width of the frame, pixels.
    public var width: Int
    /// Height of the frame, pixels.
    public var height: Int
    /// Whether the detector saw this frame; otherwise the tracker predicted its objects.
    public var inferred: Bool
    /// Whether nothing moved, so that the objects are those of the last frame that the detector saw; never where `inferred`.
    public var isStill = false
    /// Frames that were dropped before this one and after the last one reported.
    public var dropped: Int
    /// The objects in the frame.
    public var objects: [Instance]

    public init(
        stream: String, frame: Int, pts: Double, time: String? = nil, width: Int, height: Int, inferred: Bool = true,
        dropped: Int = 0, objects: [Instance]
    ) {
        self.stream = stream
        self.frame = frame
        self.pts = pts
        self.time = time
        self.width = width
        self.height = height
        self.inferred = inferred
        self.dropped = dropped
        self.objects = objects
    }
}
