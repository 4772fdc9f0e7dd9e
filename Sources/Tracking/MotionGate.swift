/// Tells whether a scene stands still, from small planes of luma.
///
/// A plane is compared block by block with that of the last frame which the detector saw, and not with the frame before, so that what
/// moves slowly adds up until it shows. A change of the whole picture's brightness is taken out first, and a block has to change more than
/// the picture's noise does. It stands beside the tracker, whose tracks it keeps while the detector rests; it knows nothing of video.
public struct MotionGate: Sendable {
    /// What becomes of a frame.
    public enum Decision: Sendable, Equatable {
        case infer(Reason)
        /// Nothing has moved: what was known still holds.
        case skip
    }

    /// Why the detector is to see a frame.
    public enum Reason: Sendable, Equatable {
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

    /// Samples along a block's side.
    private static let blockSide = 4
    /// A block has to change by so many times the median change, which is the noise of a scene in which little moves.
    private static let noiseFactor = 2.5

    public let configuration: MotionGateConfiguration
    private var reference: [UInt8] = []
    private var size = (width: 0, height: 0)
    private var lastLook = -Double.infinity
    private var lastMotion = -Double.infinity

    public init(configuration: MotionGateConfiguration = MotionGateConfiguration()) {
        self.configuration = configuration
    }

    /// Decides about a frame; where the decision is to infer, it is the one that later frames are compared with.
    ///
    /// - Parameters:
    ///   - luma: `[height, width]`, row by row.
    ///   - seconds: The frame's time; one before the last look counts as a refresh.
    public mutating func admits(_ luma: [UInt8], width: Int, height: Int, at seconds: Double) -> Decision {
        precondition(luma.count == width * height, "a plane has all its samples")
        guard let reason = reason(luma, width, height, at: seconds) else { return .skip }
        reference = luma
        size = (width, height)
        lastLook = seconds
        return .infer(reason)
    }

    private mutating func reason(_ luma: [UInt8], _ width: Int, _ height: Int, at seconds: Double) -> Reason? {
        guard !reference.isEmpty else {
            lastMotion = seconds
            return .first
        }
        guard size == (width, height) else {
            lastMotion = seconds
            return .size
        }
        if hasMotion(luma) {
            lastMotion = seconds
            return .motion
        }
        if seconds < lastLook || seconds - lastLook >= configuration.refresh { return .refresh }
        if seconds >= lastMotion && seconds - lastMotion <= configuration.settling { return .settling }
        return nil
    }

    private func hasMotion(_ luma: [UInt8]) -> Bool {
        let (columns, rows) = (
            (size.width + Self.blockSide - 1) / Self.blockSide, (size.height + Self.blockSide - 1) / Self.blockSide
        )
        var changes = [Int32](repeating: 0, count: columns * rows)
        let shift = brightnessShift(luma)
        luma.withUnsafeBufferPointer { new in
            reference.withUnsafeBufferPointer { old in
                for y in 0..<size.height {
                    let row = y / Self.blockSide * columns
                    for x in 0..<size.width {
                        let index = y * size.width + x
                        changes[row + x / Self.blockSide] += abs(Int32(new[index]) - Int32(old[index]) - shift)
                    }
                }
            }
        }
        // Blocks at the right and bottom edges may be smaller, and then change by less; a full one's area counts for all.
        let area = Double(Self.blockSide * Self.blockSide)
        let median = Double(changes.sorted()[changes.count / 2]) / area
        let limit = max(configuration.threshold, Self.noiseFactor * median) * area
        let changed = changes.count { Double($0) > limit }
        return changed >= max(1, Int((configuration.area * Double(changes.count)).rounded()))
    }

    /// How much brighter the picture has become as a whole: the median of the samples' differences.
    private func brightnessShift(_ luma: [UInt8]) -> Int32 {
        var counts = [Int](repeating: 0, count: 511)
        for (new, old) in zip(luma, reference) { counts[Int(new) - Int(old) + 255] += 1 }
        var rest = luma.count / 2
        for (index, count) in counts.enumerated() {
            if rest < count { return Int32(index - 255) }
            rest -= count
        }
        return 0
    }
}
