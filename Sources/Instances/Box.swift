/// An axis-aligned box in continuous pixel coordinates: (0, 0) is the top left corner of the top left pixel.
public struct Box: Equatable, Hashable, Sendable, BitwiseCopyable {
    /// Left edge, pixels.
    public var x0: Float
    /// Top edge, pixels.
    public var y0: Float
    /// Right edge, pixels, exclusive.
    public var x1: Float
    /// Bottom edge, pixels, exclusive.
    public var y1: Float

    public init(x0: Float, y0: Float, x1: Float, y1: Float) {
        self.x0 = x0
        self.y0 = y0
        self.x1 = x1
        self.y1 = y1
    }

    /// Width, pixels; negative where the edges are crossed.
    public var width: Float { x1 - x0 }
    /// Height, pixels; negative where the edges are crossed.
    public var height: Float { y1 - y0 }
    /// Area, square pixels.
    public var area: Float { width * height }

    /// Whether all four edges are.
    public var isFinite: Bool { x0.isFinite && y0.isFinite && x1.isFinite && y1.isFinite }

    /// The intersection over union with another box, 0...1; 0 where either has no area.
    public func intersectionOverUnion(_ other: Box) -> Float {
        let w = min(x1, other.x1) - max(x0, other.x0)
        let h = min(y1, other.y1) - max(y0, other.y0)
        guard w > 0, h > 0 else { return 0 }
        let intersection = w * h
        let union = area + other.area - intersection
        return union > 0 ? intersection / union : 0
    }
}
