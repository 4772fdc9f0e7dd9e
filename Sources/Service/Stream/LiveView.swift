import Instances
import Synchronization
import Video

/// The last picture of a stream, for those who look at it now and then.
///
/// Frames are drawn for it only while somebody looks.
final class LiveView: Sendable {
    private struct State {
        var lastLook: ContinuousClock.Instant?
        var latest: DrawnPicture?
        /// The last picture as it was sent, for the next one who asks.
        var encoded: (frame: Int, width: Int, jpeg: [UInt8])?
    }

    /// How long after the last look frames are still drawn.
    private static let attention = Duration.seconds(5)

    private let state = Mutex(State())
    private let encoder = SnapshotEncoder()

    /// Whether somebody has looked of late.
    var isWatched: Bool {
        state.withLock { state in
            guard let look = state.lastLook else { return false }
            if ContinuousClock.now - look < Self.attention { return true }
            (state.lastLook, state.latest, state.encoded) = (nil, nil, nil)
            return false
        }
    }

    /// Takes a picture, which nobody draws on any more.
    func offer(_ picture: DrawnPicture) {
        state.withLock { if $0.lastLook != nil { $0.latest = picture } }
    }

    /// The last picture as JPEG; nil where there is none yet, which asking changes.
    ///
    /// - Throws: `VideoError`.
    func jpeg(maxWidth: Int) throws -> (jpeg: [UInt8], result: FrameResult)? {
        let (latest, known) = state.withLock { state in
            state.lastLook = ContinuousClock.now
            return (state.latest, state.encoded)
        }
        guard let latest else { return nil }
        if let known, known.frame == latest.result.frame, known.width == maxWidth { return (known.jpeg, latest.result) }
        let jpeg = try encoder.jpeg(of: latest.picture, maxWidth: maxWidth)
        state.withLock { $0.encoded = (latest.result.frame, maxWidth, jpeg) }
        return (jpeg, latest.result)
    }
}
