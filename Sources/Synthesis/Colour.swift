import Foundation

/// Linear arithmetic on red, green and blue in 0...1.
typealias Colour = SIMD3<Float>

extension SIMD3<Float> {
    /// A colour by hue (turns), saturation and value, each 0...1.
    init(hue: Float, saturation: Float, value: Float) {
        func channel(_ offset: Float) -> Float {
            let k = (offset + hue * 6).truncatingRemainder(dividingBy: 6)
            return value - value * saturation * Swift.max(0, Swift.min(k, 4 - k, 1))
        }
        self.init(channel(5), channel(3), channel(1))
    }

    func mixed(with other: SIMD3<Float>, _ amount: Float) -> SIMD3<Float> {
        self + (other - self) * amount
    }
}
