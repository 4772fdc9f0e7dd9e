import Instances

/// Pictures to measure with.
enum Picture {
    /// Smooth waves in every channel, so that a network finds something to be busy with.
    static func pattern(width: Int, height: Int) -> RGBImage {
        let image = RGBImage(width: width, height: height)
        image.withMutableSamples { samples in
            for y in 0..<height {
                for x in 0..<width {
                    for channel in 0..<3 {
                        let wave = (x * (3 + channel) + y * (5 - channel)) % 512
                        samples[(y * width + x) * 3 + channel] = UInt8(wave < 256 ? wave : 511 - wave)
                    }
                }
            }
        }
        return image
    }
}
