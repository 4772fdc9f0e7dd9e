import CFFmpeg

extension VideoEncoder {
    /// What an encoder takes for a preset.
    private enum Presets {
        case names([String])
        case numbers(ClosedRange<Int>)

        func contains(_ preset: String) -> Bool {
            switch self {
            case .names(let names): names.contains(preset)
            case .numbers(let numbers): Int(preset).map(numbers.contains) ?? false
            }
        }

        var words: String {
            switch self {
            case .names(let names): names.joined(separator: ", ")
            case .numbers(let numbers): "the numbers \(numbers.lowerBound) to \(numbers.upperBound)"
            }
        }
    }

    private static let x264Presets = Presets.names([
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
    ])

    /// Checks quality and preset before the encoder is opened: encoders say of what they do not know only that it is
    /// invalid, set it to something else, or write to standard error themselves.
    ///
    /// - Throws: `VideoError.unknownPreset`, `.qualityOutOfRange`.
    static func validate(_ options: VideoWriter.Options, for codec: UnsafePointer<AVCodec>) throws {
        let name = String(cString: codec.pointee.name)
        let presets: Presets?
        let qualities: ClosedRange<Int>
        switch name {
        case "libx264", "libx265": (presets, qualities) = (x264Presets, 0...51)
        case "libsvtav1": (presets, qualities) = (.numbers(0...13), 0...63)
        case "libaom-av1": (presets, qualities) = (.numbers(0...8), 0...63)
        case "librav1e": (presets, qualities) = (.numbers(0...10), 0...255)
        case "libvpx", "libvpx-vp9": (presets, qualities) = (.numbers(-8...8), 0...63)
        default: (presets, qualities) = (nil, 1...31)
        }
        if let preset = options.preset, let presets, !presets.contains(preset) {
            throw VideoError.unknownPreset(encoder: name, preset: preset, known: presets.words)
        }
        if let quality = options.quality, !qualities.contains(quality) {
            throw VideoError.qualityOutOfRange(encoder: name, quality: quality, range: qualities)
        }
    }
}
