import Foundation
import Instances
import RandomNumbers

/// A seeded scene of moving shapes before a drifting background, rendered with exact masks.
///
/// The same seed and size give the same pictures. Objects differ in shape, size, texture and path, cover each other,
/// enter and leave; the light changes and a little sensor noise lies over it all.
public struct Scene: Sendable {
    /// An object as one frame shows it.
    public struct VisibleObject: Sendable {
        /// Its identity in the scene, from 1.
        public var trackID: Int
        public var shape: Shape
        /// The pixels that nothing covers.
        public var mask: Mask
        /// The smallest box of whole pixels around them.
        public var box: Box
        /// Visible pixels over the pixels that it would have in the picture if nothing covered it, 0...1.
        public var visibility: Float
    }

    /// A rendered frame with what is to be found in it.
    public struct Frame: Sendable {
        public var image: RGBImage
        public var objects: [VisibleObject]
    }

    public let width: Int
    public let height: Int
    private let background: [Texture]
    private let drift: [SIMD2<Float>]
    private let objects: [SceneObject]
    private let lightPhase: Float
    private let lightPace: Float
    private let lightSwing: Float
    private let lamp: SIMD2<Float>
    private let noise: Float
    private let noiseSeed: UInt64

    /// Objects with fewer visible pixels, or less of themselves visible, are not annotated.
    static let fewestPixels = 64
    static let leastVisibility: Float = 0.2
    /// Seconds that an object needs about to cross the picture, from which follows how many a longer scene needs.
    private static let crossing: Float = 7

    /// Draws a scene.
    ///
    /// - Parameters:
    ///   - seed: What everything random is derived from.
    ///   - width: Pixels; likewise `height`.
    ///   - duration: Seconds for which objects are to come and go; 0 for a single picture.
    public init(seed: UInt64, width: Int, height: Int, duration: Double) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        self.width = width
        self.height = height
        var random = SplitMix64(seed: SplitMix64.mix(seed))
        let aspect = Float(width) / Float(height)
        let hue = random.uniform(0...1)
        background = (0..<2).map { layer in
            let patterns: [Texture.Pattern] = layer == 0 ? [.noise, .gradient] : [.noise, .stripes, .checks, .dots]
            func muted() -> Colour {
                Colour(
                    hue: (hue + random.uniform(-0.15...0.15) + 1).truncatingRemainder(dividingBy: 1),
                    saturation: random.uniform(0.05...0.4), value: random.uniform(0.2...0.85))
            }
            let (first, second) = (muted(), muted())
            return Texture(
                pattern: patterns[random.integer(0...patterns.count - 1)], first: first, second: second,
                frequency: random.uniform(1.5...6), angle: random.uniform(0...(2 * .pi)), seed: random.next())
        }
        drift = (0..<2).map { _ in SIMD2(random.uniform(-0.06...0.06), random.uniform(-0.06...0.06)) }
        let density = random.integer(3...8)
        let count = max(1, Int(Float(density) * (1 + Float(duration) / Self.crossing)))
        var objects: [SceneObject] = []
        for _ in 0..<count {
            var object = SceneObject(&random, aspect: aspect, duration: Float(duration))
            if duration == 0 { object.middle = 0 }
            objects.append(object)
        }
        self.objects = objects
        lightPhase = random.uniform(0...(2 * .pi))
        lightPace = random.uniform(0.2...1.2)
        lightSwing = random.uniform(0.05...0.25)
        lamp = SIMD2(random.uniform(0...aspect), random.uniform(0...1))
        noise = random.uniform(0...0.03)
        noiseSeed = random.next()
    }

    /// Renders the frame at a time, in seconds from the scene's start.
    public func frame(at seconds: Double) -> Frame {
        let time = Float(seconds)
        var pixels = [Colour](repeating: .zero, count: width * height)
        // 0 where the background is seen, otherwise the object's number from 1.
        var owners = [Int32](repeating: 0, count: width * height)
        paintBackground(&pixels, time)
        var extents = [Int](repeating: 0, count: objects.count)
        for index in objects.indices {
            extents[index] = paint(objects[index], number: Int32(index + 1), &pixels, &owners, time)
        }
        return Frame(image: develop(pixels, time), objects: collect(owners, extents))
    }

    private func paintBackground(_ pixels: inout [Colour], _ time: Float) {
        let unit = 1 / Float(height)
        for y in 0..<height {
            for x in 0..<width {
                let point = SIMD2(Float(x), Float(y)) * unit
                let (a, b) = (point + drift[0] * time, point + drift[1] * time)
                pixels[y * width + x] = background[0].colour(a.x, a.y).mixed(
                    with: background[1].colour(b.x, b.y), 0.4)
            }
        }
    }

    /// Paints one object over what is there and returns the number of its pixels in the picture.
    private func paint(
        _ object: SceneObject, number: Int32, _ pixels: inout [Colour], _ owners: inout [Int32], _ time: Float
    ) -> Int {
        let scale = Float(height)
        let pose = object.pose(at: time)
        let (center, radius) = (pose.center * scale, pose.radius * scale)
        let reach = radius * 1.05 + 1
        let (left, right) = (max(0, Int(center.x - reach)), min(width - 1, Int(center.x + reach)))
        let (top, bottom) = (max(0, Int(center.y - reach)), min(height - 1, Int(center.y + reach)))
        guard left <= right, top <= bottom else { return 0 }
        let (cosine, sine) = (cos(pose.angle), sin(pose.angle))
        var count = 0
        for y in top...bottom {
            for x in left...right {
                let (dx, dy) = ((Float(x) + 0.5 - center.x) / radius, (Float(y) + 0.5 - center.y) / radius)
                let (u, v) = (dx * cosine + dy * sine, dy * cosine - dx * sine)
                let distance = object.shape.distance(u, v) * radius
                guard distance < 0.5 else { continue }
                let colour = -distance < object.outlineWidth * radius ? object.outline : object.fill.colour(u, v)
                let i = y * width + x
                // Half a pixel on both sides of the outline is blended.
                pixels[i] = pixels[i].mixed(with: colour, min(1, 0.5 - distance))
                if distance < 0 {
                    owners[i] = number
                    count += 1
                }
            }
        }
        return count
    }

    /// Light and sensor noise, then 8 bits.
    private func develop(_ pixels: [Colour], _ time: Float) -> RGBImage {
        let image = RGBImage(width: width, height: height)
        let unit = 1 / Float(height)
        let light = 1 + lightSwing * sin(lightPace * time + lightPhase)
        let swing = SIMD2(cos(lightPace * time), sin(lightPace * time)) * 0.2
        let frameSeed = noiseSeed ^ UInt64(bitPattern: Int64(time * 1000)) &* 0xd6e8_feb8_6659_fd93
        image.withMutableSamples { samples in
            for y in 0..<height {
                for x in 0..<width {
                    let offset = SIMD2(Float(x), Float(y)) * unit - lamp - swing
                    let falloff = light * (0.85 + 0.3 / (1 + 2 * (offset * offset).sum()))
                    let i = y * width + x
                    let bits = SplitMix64.mix(frameSeed &+ UInt64(i))
                    // The sum of two even distributions is near enough to a normal one.
                    let grain = Float(bits & 0xffff) / 65535 + Float(bits >> 16 & 0xffff) / 65535 - 1
                    let colour = pixels[i] * falloff + noise * grain
                    for c in 0..<3 {
                        samples[3 * i + c] = UInt8((max(0, min(1, colour[c])) * 255).rounded())
                    }
                }
            }
        }
        return image
    }

    private func collect(_ owners: [Int32], _ extents: [Int]) -> [VisibleObject] {
        var visible = [Int](repeating: 0, count: objects.count)
        for owner in owners where owner > 0 { visible[Int(owner) - 1] += 1 }
        return objects.indices.compactMap { index in
            let visibility = extents[index] > 0 ? Float(visible[index]) / Float(extents[index]) : 0
            guard visible[index] >= Self.fewestPixels, visibility >= Self.leastVisibility else { return nil }
            let mask = Mask(
                width: width, height: height, bitmap: owners.map { $0 == Int32(index + 1) ? 1 : 0 })
            guard let box = mask.boundingBox else { return nil }
            return VisibleObject(
                trackID: index + 1, shape: objects[index].shape, mask: mask, box: box, visibility: visibility)
        }
    }
}
