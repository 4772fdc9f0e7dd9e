import Instances

/// Decides which frames of a stream the detector need not see, because the scene stands still.
///
/// It looks at a small luma plane, which shows an object of 2 % of the picture's width as two or three samples, and compares it with
/// that of the last motion, so that what moves slowly adds up until it shows. It prefers to see motion where there is none. A
/// change of light that is the same everywhere is not motion, unless it is sudden, as when a lamp is switched on: the scene looks
/// new then. `PlaneComparison` says how.
///
/// The gate stands with the tracker, since the two decide together what is known of a frame that the detector does not see:
/// for one that is skipped, `Tracker.hold(at:settling:)` says what is there. It knows nothing of video.
public struct MotionGate: Sendable {
    /// What becomes of a frame.
    public enum Decision: Sendable, Equatable {
        /// The detector is to see it.
        case infer(Reason)
        /// Nothing has moved: what was known still holds.
        case skip
    }

    /// Why the detector is to see a frame.
    public enum Reason: Sendable, Equatable {
        /// It is the first, or the first after `reset()`.
        case first
        /// The plane's size is another one.
        case size
        case motion
        /// There was motion a moment ago.
        case settling
        /// The last look is long ago.
        case refresh
    }

    /// The size of the planes that are looked at best, samples.
    public static let width = 160
    public static let height = 90
    /// Frames to be seen after the last motion, however far apart they are: an object needs two to get an identity.
    static let leastSettled = 2

    public let configuration: MotionGateConfiguration
    private var clock = MediaClock()
    private var comparison: PlaneComparison?
    private var lastMotion = 0.0
    private var lastLook = 0.0
    /// Frames admitted since the last motion.
    private var settled = 0

    public init(configuration: MotionGateConfiguration = MotionGateConfiguration()) {
        self.configuration = configuration
    }

    /// Decides about a frame. Ask only for frames that the detector will see where they are admitted: what it has not seen must
    /// not become what later frames are compared with.
    ///
    /// - Parameters:
    ///   - luma: `[height, width]`, row by row.
    ///   - width: The plane's width, samples.
    ///   - height: The plane's height, samples.
    ///   - seconds: The frame's presentation time; one that is not after the last frame's counts as a frame later.
    public mutating func admits(
        _ luma: [UInt8], width: Int, height: Int, at seconds: Double
    ) -> Decision {
        precondition(luma.count == width * height, "a plane has all its samples")
        clock.advance(to: seconds)
        guard let reason = reason(luma, width, height) else { return .skip }
        switch reason {
        case .first, .size, .motion:
            lastMotion = clock.seconds
            settled = 0
        case .settling, .refresh: settled += 1
        }
        // Where tracks settle, the plane of the last motion stays, so that a part of a sample in each frame adds up even then.
        if reason != .settling { comparison?.refer(to: luma) }
        lastLook = clock.seconds
        return .infer(reason)
    }

    /// Forgets the scene, so that the next frame is admitted: for when an admitted one could not be seen after all.
    public mutating func reset() { comparison = nil }

    private mutating func reason(_ luma: [UInt8], _ width: Int, _ height: Int) -> Reason? {
        guard comparison?.width == width, comparison?.height == height else {
            defer { comparison = PlaneComparison(width: width, height: height) }
            return comparison == nil ? .first : .size
        }
        let hasMotion = comparison?.differs(luma, threshold: configuration.threshold, area: configuration.area)
        if hasMotion == true { return .motion }
        if clock.seconds - lastMotion <= configuration.settling || settled < Self.leastSettled { return .settling }
        return clock.seconds - lastLook >= configuration.refresh ? .refresh : nil
    }
}
