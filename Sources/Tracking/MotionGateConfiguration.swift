/// When a scene counts as standing still.
public struct MotionGateConfiguration: Sendable, Equatable {
    /// The mean difference of a block's luma, beyond noise, from which the block has changed: 0...255.
    public var threshold: Double
    /// The part of the picture that must have changed, 0...1; one block is needed in any case.
    public var area: Double
    /// Seconds after which the detector sees a frame in any case.
    public var refresh: Double
    /// Seconds for which it goes on after the last motion, so that tracks come to rest.
    public var settling: Double

    public init(threshold: Double = 3, area: Double = 0, refresh: Double = 10, settling: Double = 1) {
        self.threshold = threshold
        self.area = area
        self.refresh = refresh
        self.settling = settling
    }
}
