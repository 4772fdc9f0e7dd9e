import Foundation
import RandomNumbers

/// A pattern of two colours that fills an object or, drifting, the background.
struct Texture: Sendable {
    enum Pattern: CaseIterable, Sendable {
        case plain, gradient, stripes, dots, checks, noise
    }

    var pattern: Pattern
    var first: Colour
    var second: Colour
    /// Periods a unit.
    var frequency: Float
    /// Direction of gradients and stripes, radians.
    var angle: Float
    var seed: UInt64

    private let direction: SIMD2<Float>

    init(pattern: Pattern, first: Colour, second: Colour, frequency: Float, angle: Float, seed: UInt64) {
        self.pattern = pattern
        self.first = first
        self.second = second
        self.frequency = frequency
        self.angle = angle
        self.seed = seed
        direction = SIMD2(cos(angle), sin(angle))
    }

    /// The colour at a point of the texture's own plane.
    func colour(_ x: Float, _ y: Float) -> Colour {
        let along = x * direction.x + y * direction.y
        let across = y * direction.x - x * direction.y
        switch pattern {
        case .plain:
            return first
        case .gradient:
            return first.mixed(with: second, max(0, min(1, 0.5 + 0.5 * along)))
        case .stripes:
            return first.mixed(with: second, Self.soft(sin(along * frequency * 2 * .pi)))
        case .dots:
            let (u, v) = (along * frequency, across * frequency)
            let (du, dv) = (u - u.rounded(.down) - 0.5, v - v.rounded(.down) - 0.5)
            return first.mixed(with: second, Self.soft(4 * (0.3 - (du * du + dv * dv).squareRoot())))
        case .checks:
            return first.mixed(
                with: second, Self.soft(2 * sin(along * frequency * .pi) * sin(across * frequency * .pi)))
        case .noise:
            let coarse = Self.noise(x * frequency, y * frequency, seed)
            let fine = Self.noise(x * frequency * 2.7, y * frequency * 2.7, seed &+ 1)
            return first.mixed(with: second, 0.65 * coarse + 0.35 * fine)
        }
    }

    private static func soft(_ value: Float) -> Float {
        max(0, min(1, 0.5 + value * 2))
    }

    /// Value noise: random values on a lattice, smoothly joined; 0...1.
    static func noise(_ x: Float, _ y: Float, _ seed: UInt64) -> Float {
        let (floorX, floorY) = (x.rounded(.down), y.rounded(.down))
        let (ix, iy) = (Int64(floorX), Int64(floorY))
        func smooth(_ t: Float) -> Float { t * t * (3 - 2 * t) }
        let (fx, fy) = (smooth(x - floorX), smooth(y - floorY))
        func value(_ x: Int64, _ y: Int64) -> Float {
            let key = UInt64(bitPattern: x) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(bitPattern: y) &* 0xc2b2_ae3d_27d4_eb4f
            return Float(SplitMix64.mix(key ^ seed) >> 40) / Float(1 << 24)
        }
        let upper = value(ix, iy) + (value(ix + 1, iy) - value(ix, iy)) * fx
        let lower = value(ix, iy + 1) + (value(ix + 1, iy + 1) - value(ix, iy + 1)) * fx
        return upper + (lower - upper) * fy
    }
}
