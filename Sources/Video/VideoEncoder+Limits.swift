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
    /// - Throws: `VideoError.unknownPreset`, `.qualityOutOfRange`, `.refused` for a quality that means nothing.
    static func validate(_ options: VideoWriter.Options, for codec: UnsafePointer<AVCodec>, path: String) throws {
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
        if options.preset != nil && presets == nil && !hasOption("preset", codec) {
            throw untaken("preset", encoder: name, path: path)
        }
        let isLossy = avcodec_descriptor_get(codec.pointee.id).map { $0.pointee.props & AV_CODEC_PROP_LOSSY != 0 }
        if options.quality != nil && isLossy == false { throw untaken("quality", encoder: name, path: path) }
        if let quality = options.quality, !qualities.contains(quality) {
            throw VideoError.qualityOutOfRange(encoder: name, quality: quality, range: qualities)
        }
    }

    /// Refuses what was asked for and is among the options that an encoder has left over.
    ///
    /// - Throws: `VideoError.refused`.
    static func refuseRest(
        of list: OpaquePointer?, _ options: VideoWriter.Options, encoder: String, path: String
    ) throws {
        let names = [
            ("quality", options.quality != nil, ["crf", "qp"]),
            ("preset", options.preset != nil, ["preset", "cpu-used", "speed"]),
        ]
        for (name, isGiven, keys) in names where isGiven {
            let isLeft = keys.contains { av_dict_get(list, $0, nil, 0) != nil }
            if isLeft { throw untaken(name, encoder: encoder, path: path) }
        }
    }

    private static func hasOption(_ name: String, _ codec: UnsafePointer<AVCodec>) -> Bool {
        var options = codec.pointee.priv_class
        // FFmpeg looks for the class behind an object's first pointer.
        return withUnsafeMutablePointer(to: &options) {
            av_opt_find($0, name, nil, 0, AV_OPT_SEARCH_FAKE_OBJ) != nil
        }
    }

    private static func untaken(_ option: String, encoder: String, path: String) -> VideoError {
        .refused(
            path: path, what: "the encoder \(encoder) has no \(option)",
            reason: "leave the option out or choose another codec")
    }
}
