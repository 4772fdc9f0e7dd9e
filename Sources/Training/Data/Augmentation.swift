import Foundation
import Instances
import RandomNumbers

/// What pictures are changed by, at random, before they are learned from.
public struct Augmentation: Sendable, Equatable {
    /// The probability that left and right are exchanged.
    public var flip = 0.5
    /// What the shorter side becomes, pixels, one of these; the model's own where empty.
    public var scales: [Int] = []
    /// The factor of the brightness is 1 at most this much up or down, 0...1; likewise the next two.
    public var brightness = 0.0
    public var contrast = 0.0
    public var saturation = 0.0
    /// The hue turns by at most this part of a circle, 0...0.5.
    public var hue = 0.0

    public init() {}

    /// Changes a picture.
    ///
    /// - Returns: The picture, and what its shorter side becomes; nil for the model's own.
    public func callAsFunction(
        _ picture: TrainingPicture, using random: inout SplitMix64
    ) -> (picture: TrainingPicture, minSize: Int?) {
        var picture = picture
        // Every number is drawn whether it is used or not, so that one option does not change what others do.
        let isFlipped = random.uniform() < flip
        let size = random.uniform()
        let colours = ColourChange(
            brightness: Float(1 + brightness * (2 * random.uniform() - 1)),
            contrast: Float(1 + contrast * (2 * random.uniform() - 1)),
            saturation: Float(1 + saturation * (2 * random.uniform() - 1)),
            hue: Float(hue * (2 * random.uniform() - 1)))
        if isFlipped { picture = Self.mirrored(picture) }
        if brightness > 0 || contrast > 0 || saturation > 0 || hue > 0 { picture.image = colours(picture.image) }
        return (picture, scales.isEmpty ? nil : scales[min(Int(size * Double(scales.count)), scales.count - 1)])
    }

    private static func mirrored(_ picture: TrainingPicture) -> TrainingPicture {
        let (width, height) = (picture.image.width, picture.image.height)
        let image = RGBImage(width: width, height: height)
        picture.image.withSamples { source in
            image.withMutableSamples { target in
                for y in 0..<height {
                    for x in 0..<width {
                        let (from, to) = ((y * width + width - 1 - x) * 3, (y * width + x) * 3)
                        for channel in 0..<3 { target[to + channel] = source[from + channel] }
                    }
                }
            }
        }
        var mirrored = picture
        mirrored.image = image
        mirrored.objects = picture.objects.map { object in
            let box = object.box
            return TrainingObject(
                box: Box(x0: Float(width) - box.x1, y0: box.y0, x1: Float(width) - box.x0, y1: box.y1),
                label: object.label, mask: object.mask.mirrored)
        }
        return mirrored
    }
}

/// A change of all of a picture's colours.
struct ColourChange {
    /// Factors; 1 changes nothing.
    var brightness: Float
    var contrast: Float
    var saturation: Float
    /// Part of a circle; 0 changes nothing.
    var hue: Float

    func callAsFunction(_ image: RGBImage) -> RGBImage {
        let changed = RGBImage(width: image.width, height: image.height)
        image.withSamples { source in
            changed.withMutableSamples { target in
                let pixels = source.count / 3
                var total = 0.0
                for pixel in 0..<pixels {
                    total += Double(Self.luma(pixel, source)) * Double(brightness)
                }
                // Contrast is about the picture's mean.
                let mean = Float(total / Double(max(1, pixels)))
                let rotation = Self.rotation(hue)
                for pixel in 0..<pixels {
                    var (r, g, b) = (
                        Float(source[3 * pixel]), Float(source[3 * pixel + 1]), Float(source[3 * pixel + 2])
                    )
                    (r, g, b) = (r * brightness, g * brightness, b * brightness)
                    (r, g, b) = (
                        mean + (r - mean) * contrast, mean + (g - mean) * contrast, mean + (b - mean) * contrast
                    )
                    let grey = 0.299 * r + 0.587 * g + 0.114 * b
                    (r, g, b) = (
                        grey + (r - grey) * saturation, grey + (g - grey) * saturation, grey + (b - grey) * saturation
                    )
                    let turned = (
                        rotation[0] * r + rotation[1] * g + rotation[2] * b,
                        rotation[2] * r + rotation[0] * g + rotation[1] * b,
                        rotation[1] * r + rotation[2] * g + rotation[0] * b
                    )
                    target[3 * pixel] = Self.byte(turned.0)
                    target[3 * pixel + 1] = Self.byte(turned.1)
                    target[3 * pixel + 2] = Self.byte(turned.2)
                }
            }
        }
        return changed
    }

    private static func luma(_ pixel: Int, _ samples: UnsafeBufferPointer<UInt8>) -> Float {
        0.299 * Float(samples[3 * pixel]) + 0.587 * Float(samples[3 * pixel + 1]) + 0.114
            * Float(samples[3 * pixel + 2])
    }

    /// A turn about the grey axis: the first row of its matrix, whose others are the same moved on.
    private static func rotation(_ hue: Float) -> [Float] {
        let angle = Double(hue) * 2 * .pi
        let (c, s) = (cos(angle), sin(angle))
        let (even, odd) = ((1 - c) / 3, s / Double(3).squareRoot())
        return [Float(c + even), Float(even - odd), Float(even + odd)]
    }

    private static func byte(_ value: Float) -> UInt8 { UInt8(min(max(value.rounded(), 0), 255)) }
}
