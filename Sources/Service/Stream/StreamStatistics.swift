import Instances
import Locks
import Synchronization
import Video

/// What a stream has done so far, counted by its stages and read by whoever asks.
public final class StreamStatistics: Sendable {
    /// The counts at one moment.
    public struct Totals: Sendable, Equatable {
        /// Frames that the source gave.
        public var decoded = 0
        /// Results that were written.
        public var frames = 0
        /// Frames among them that the detector saw.
        public var inferred = 0
        /// Frames among them whose objects the tracker predicted.
        public var predicted = 0
        /// Frames among them that the motion gate kept from the detector.
        public var still = 0
        /// Frames that were given and came to no result.
        public var dropped = 0
        /// Pictures that were written.
        public var pictures = 0
        /// Objects over all results.
        public var objects = 0
        /// Different identities; 0 in a live stream, which has no end to count to.
        public var identities = 0
        /// The greatest identity so far.
        public var lastTrackID = 0
        /// Media time of the last result, seconds.
        public var seconds = 0.0
        /// Pixels of the last frame.
        public var width = 0
        public var height = 0
        /// Why a remote input ended early, where it did after some frames; what came before is whole.
        public var brokenOff: String?
    }

    private struct State {
        var totals = Totals()
        var identities = Set<Int>()
        var inference = LatencyHistogram()
        var latency = LatencyHistogram()
        var objects: [Instance] = []
        var events: [StreamEvent] = []
    }

    /// The most events that are kept to be looked at.
    private static let eventLimit = 20

    private let state = Mutex(State())

    public var totals: Totals { state.withLock { $0.totals } }

    /// How long the detector took for a frame, seconds.
    var inference: LatencyHistogram { state.withLock { $0.inference } }

    /// How long inferred frames took from the decoder to their record, seconds.
    var latency: LatencyHistogram { state.withLock { $0.latency } }

    /// The objects of the last result, without masks.
    var objects: [Instance] { state.withLock { $0.objects } }

    /// The last events, the oldest first.
    var events: [StreamEvent] { state.withLock { $0.events } }

    func countDecoded(_ frame: VideoFrame) {
        state.withLock { state in
            state.totals.decoded += 1
            (state.totals.width, state.totals.height) = (frame.width, frame.height)
        }
    }

    func countInference(_ duration: Duration) {
        state.withLock { $0.inference.observe(duration.inSeconds) }
    }

    func countResult(
        _ result: FrameResult, events: [StreamEvent], latency: Duration, tracksIdentities: Bool
    ) {
        var objects = result.objects
        for index in objects.indices { objects[index].mask = nil }
        state.withLock { state in
            state.totals.frames += 1
            state.totals.dropped += result.dropped
            if result.inferred {
                state.totals.inferred += 1
                state.latency.observe(latency.inSeconds)
            } else if result.isStill {
                state.totals.still += 1
            } else {
                state.totals.predicted += 1
            }
            state.totals.objects += objects.count
            state.totals.seconds = result.pts
            for id in objects.compactMap(\.trackID) {
                state.totals.lastTrackID = max(state.totals.lastTrackID, id)
                if tracksIdentities { state.identities.insert(id) }
            }
            state.totals.identities = state.identities.count
            state.objects = objects
            state.events += events
            if state.events.count > Self.eventLimit { state.events.removeFirst(state.events.count - Self.eventLimit) }
        }
    }

    func countPicture() { state.withLock { $0.totals.pictures += 1 } }

    func breakOff(_ reason: String) { state.withLock { $0.totals.brokenOff = reason } }
}
