import CFFmpeg
import Instances

/// What gives frames one by one.
public protocol FrameSource: Sendable {
    /// The next frame, waiting for it where need be; nil at the end. Called by one thread at a time.
    func next() throws -> VideoFrame?

    /// Ends a wait inside `next`, which then throws `VideoError.interrupted`, and every later call; from any thread.
    func interrupt()

    /// Takes an interruption back, so that frames can be had again, whose numbers and times go on; while nobody is inside `next`.
    ///
    /// - Throws: What has ended the source for good.
    func resume() throws

    /// Seconds from one frame to the next that the source promises; nil where it promises nothing.
    var frameInterval: Double? { get }
}

extension VideoSource: FrameSource {
    /// - Throws: `VideoError.interrupted`: what has been read half-way is not read on.
    public func resume() throws {
        if isInterrupted { throw VideoError.interrupted(input: input) }
    }

    public var frameInterval: Double? { information.frameInterval }
}

extension LiveSource {
    public var frameInterval: Double? { status.information?.frameInterval }
}

extension VideoSource.Information {
    fileprivate var frameInterval: Double? {
        guard let rate = frameRate?.value, rate > 0 else { return nil }
        return 1 / rate
    }
}

/// Turns pictures that a program has made into frames, as if a source had decoded them.
public struct FrameMaker: Sendable {
    private let workshop: PictureWorkshop

    /// - Parameter input: What errors call the source.
    public init(input: String) { workshop = PictureWorkshop(input: input) }

    /// Copies a picture; the copy's memory returns to a pool.
    ///
    /// - Throws: `VideoError.outOfMemory`.
    public func frame(
        of image: RGBImage, number: Int, timestamp: Timestamp, duration: Int64 = 0, captureTime: WallClock = .now
    ) throws -> VideoFrame {
        VideoFrame(
            try workshop.sources.frame(of: image), number: number, timestamp: timestamp, duration: duration,
            orientation: .upright, name: nil, captureTime: captureTime, workshop: workshop)
    }
}
