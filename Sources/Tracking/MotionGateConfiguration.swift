/// When a frame differs so little from the last one that was looked at that the detector may rest.
public struct MotionGateConfiguration: Sendable, Equatable {
    /// The mean difference of a block's luma, 0...255, from which the block has changed. Noise raises it by itself.
    public var threshold: Double
    /// The part of the blocks that must have changed, 0...1; one block is always enough where this is less.
    public var area: Double
    /// Seconds after which the detector sees a frame in any case.
    public var refresh: Double
    /// Seconds for which it goes on after the last motion, so that tracks come to rest.
    public var settling: Double

    public init(threshold: Double = 3, area: Double = 0.001, refresh: Double = 10, settling: Double = 1) {
        self.threshold = threshold
        self.area = area
        self.refresh = refresh
        self.settling = settling
    }
}
