import Video

/// A colour as a canvas stores it.
struct Ink: Equatable {
    var y: UInt8
    var u: UInt8
    var v: UInt8
}

/// The colours that identities wear.
enum Palette {
    /// An identity's colour and the colour of text upon it.
    struct Pair: Equatable {
        var fill: Ink
        var text: Ink
    }

    /// The colour that belongs to an identity or, before tracking, to a category.
    ///
    /// Hues follow the golden ratio, so that any few numbers in a row lie well apart. Lightness is kept in the middle,
    /// where a colour stands out from white and from black, on one of two levels for more variety.
    static func pair(of key: Int, in space: YUVColorSpace) -> Pair {
        // The product's upper bits are the fraction of key times the golden ratio.
        let bits = UInt64(bitPattern: Int64(key)) &* 0x9e37_79b9_7f4a_7c15
        let hue = Float(bits >> 40) / Float(1 << 24)
        let colour = color(hue: hue, lightness: key & 1 == 0 ? 0.6 : 0.44)
        let fill = space.yuv(red: byte(colour.x), green: byte(colour.y), blue: byte(colour.z))
        // At this luma black and white text have the same contrast (WCAG 2.1, relative luminance 0.18).
        let shade: UInt8 = luma(colour) > 0.46 ? 0 : 255
        let text = space.yuv(red: shade, green: shade, blue: shade)
        return Pair(fill: Ink(y: fill.y, u: fill.u, v: fill.v), text: Ink(y: text.y, u: text.u, v: text.v))
    }

    /// A strong colour of a hue (turns), with red, green and blue in 0...1 mixed to the lightness.
    static func color(hue: Float, lightness: Float) -> SIMD3<Float> {
        func channel(_ offset: Float) -> Float {
            let k = (offset + hue * 6).truncatingRemainder(dividingBy: 6)
            return 1 - 0.95 * max(0, min(k, 4 - k, 1))
        }
        let pure = SIMD3(channel(5), channel(3), channel(1))
        let own = luma(pure)
        if own > lightness { return pure * (lightness / own) }
        return pure + (1 - pure) * ((lightness - own) / (1 - own))
    }

    static func luma(_ colour: SIMD3<Float>) -> Float {
        (colour * SIMD3(0.299, 0.587, 0.114)).sum()
    }

    private static func byte(_ value: Float) -> UInt8 { UInt8(max(0, min(255, (value * 255).rounded()))) }
}
