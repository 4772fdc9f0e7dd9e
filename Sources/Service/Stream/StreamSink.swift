import Instances
import Video

/// Where a stream's results and pictures go.
///
/// Records come from one thread, pictures and `finish` from another.
protocol StreamSink: AnyObject, Sendable {
    /// Whether frames are to be drawn on now.
    var needsPictures: Bool { get }

    /// Takes a frame's result and what happened in it.
    ///
    /// - Throws: What ends the stream.
    func write(_ result: FrameResult, events: [StreamEvent]) throws

    /// Takes events that no frame goes with: the ends of tracks at the stream's end.
    ///
    /// - Throws: What ends the stream.
    func write(_ events: [StreamEvent]) throws

    /// Takes a frame with its objects drawn.
    ///
    /// - Throws: What ends the stream.
    func write(_ picture: DrawnPicture) throws

    /// Whether `finish` has come to its end.
    var isFinished: Bool { get }

    /// Ends the outputs in order, after the last record and the last picture.
    func finish() throws

    /// Ends the outputs of a stream that failed or was cancelled.
    func cancel()
}

/// A frame with its objects drawn on it.
struct DrawnPicture: Sendable {
    let picture: DrawablePicture
    let result: FrameResult
    let captureTime: WallClock
}
