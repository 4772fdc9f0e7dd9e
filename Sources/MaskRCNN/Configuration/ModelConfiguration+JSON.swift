import Foundation
import Instances

extension ModelConfiguration {
    /// Why a configuration's text cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        /// The text is not JSON, or a value has the wrong kind.
        case malformed(String)
        /// A value is out of its range; the key is written with its part, as in `backbone.layers`.
        case invalid(key: String, problem: String)
        /// A key that means nothing here.
        case unknownKey(String)

        public var description: String {
            switch self {
            case .malformed(let what): "the model's configuration cannot be read: \(what)"
            case .invalid(let key, let problem): "the model's configuration: \(key) \(problem)"
            case .unknownKey(let key):
                "the model's configuration has an unknown key \(key.filter { !$0.isNewline }.prefix(100).debugDescription)"
            }
        }
    }

    /// Reads JSON text and checks it; every part may be left out, wholly or key by key, and then is as in `defaults`.
    ///
    /// - Throws: `ModelConfiguration.Failure`.
    public init(json text: String, over defaults: ModelConfiguration = .init()) throws {
        let given: Any
        do {
            given = try JSONSerialization.jsonObject(with: Data(text.utf8))
        } catch {
            throw Failure.malformed("it is not JSON")
        }
        guard let given = given as? [String: Any] else { throw Failure.malformed("it is no JSON object") }
        do {
            let base = try JSONSerialization.jsonObject(with: Data(defaults.json.utf8)) as? [String: Any] ?? [:]
            let whole = try Self.overlay(given, on: base, path: "")
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Self.self, from: JSONSerialization.data(withJSONObject: whole))
        } catch let failure as Failure {
            throw failure
        } catch let error as DecodingError {
            throw Failure.malformed(error.words)
        } catch {
            throw Failure.malformed("it holds a value that JSON has no words for")
        }
        try validate()
    }

    /// Puts what is given over the defaults. A key without a default is an error: misspelt, it would silently do nothing.
    private static func overlay(
        _ given: [String: Any], on defaults: [String: Any], path: String
    ) throws -> [String: Any] {
        var whole = defaults
        for (key, value) in given.sorted(by: { $0.key < $1.key }) {
            guard let known = defaults[key] else { throw Failure.unknownKey(path + key) }
            if let known = known as? [String: Any], let value = value as? [String: Any] {
                whole[key] = try overlay(value, on: known, path: "\(path)\(key).")
            } else {
                whole[key] = value
            }
        }
        return whole
    }

    /// The configuration as JSON with sorted keys, every value written out.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            preconditionFailure("numbers and texts can be written as JSON: \(error)")
        }
    }

    /// Checks that a network can be built of the values, whatever file they come from.
    ///
    /// - Throws: `ModelConfiguration.Failure.invalid` for the first that is out of its range.
    public func validate() throws {
        func require(_ condition: Bool, _ key: String, _ problem: String) throws {
            guard condition else { throw Failure.invalid(key: key, problem: problem) }
        }
        func channels(_ values: [Int], _ key: String) throws {
            try require(values.allSatisfy { (1...16384).contains($0) }, key, "holds a number that is not 1...16384")
        }
        try require((1...8192).contains(transform.minSize), "transform.min_size", "is not 1...8192")
        try require(
            (transform.minSize...16384).contains(transform.maxSize), "transform.max_size", "is not min_size...16384")
        try require(
            transform.mean.count == 3 && transform.std.count == 3 && transform.std.allSatisfy { $0 > 0 }, "transform",
            "needs three means and three positive standard deviations")
        try require((1...512).contains(transform.sizeDivisor), "transform.size_divisor", "is not 1...512")
        let isVGG = backbone.kind == .vgg
        try require(
            backbone.layers.count == (isVGG ? 5 : 4) && backbone.layers.allSatisfy { (1...100).contains($0) },
            "backbone.layers", "needs \(isVGG ? "five numbers of convolutions" : "four numbers of blocks"), 1...100")
        try require(
            backbone.widths.count == (isVGG ? 5 : 4), "backbone.widths",
            "needs \(isVGG ? "five" : "four") numbers of channels")
        try require(
            isVGG || backbone.normalization != .none, "backbone.normalization", "of a ResNet is batch or group")
        try channels(backbone.widths + [backbone.stemWidth], "backbone.widths")
        try require(
            (1...1024).contains(backbone.groups), "backbone.groups", "is not 1...1024")
        try require(
            (1...4096).contains(backbone.widthPerGroup), "backbone.width_per_group", "is not 1...4096")
        try require(
            backbone.block == .bottleneck || backbone.groups == 1 && backbone.widthPerGroup == 64, "backbone.groups",
            "needs bottleneck blocks")
        try require(
            backbone.widths.allSatisfy { backbone.innerWidth($0) > 0 }, "backbone.width_per_group",
            "leaves no channels in a block")
        try require((0...1).contains(backbone.batchNormEpsilon), "backbone.batch_norm_epsilon", "is not 0...1")
        switch architecture {
        case .fpn:
            // The coarsest level that a stage gives has a stride of 32.
            try require(
                transform.sizeDivisor.isMultiple(of: 32), "transform.size_divisor", "is not a multiple of 32")
            try require(proposals.anchorSizes.count == 5, "proposals.anchor_sizes", "needs five sides, 1...8192")
        case .c4:
            try require(!isVGG, "architecture", "c4 needs a ResNet")
            try require(
                (1...16).contains(proposals.anchorSizes.count), "proposals.anchor_sizes", "needs sides, 1...8192")
            try require(
                boxHead.convolutions.isEmpty && boxHead.fullyConnected.isEmpty, "box_head.fully_connected",
                "is not empty, and c4 has its backbone's last stage there")
            try require(
                maskHead.convolutions.isEmpty, "mask_head.convolutions",
                "is not empty, and c4 has its backbone's last stage there")
        }
        try channels([pyramid.channels], "pyramid.channels")
        try require((1...8).contains(proposals.convolutions), "proposals.convolutions", "is not 1...8")
        try require(
            proposals.anchorSizes.allSatisfy { (1...8192).contains($0) }, "proposals.anchor_sizes",
            "needs sides, 1...8192")
        try require(
            (1...16).contains(proposals.aspectRatios.count)
                && proposals.aspectRatios.allSatisfy { (0.01...100).contains($0) },
            "proposals.aspect_ratios", "needs numbers, 0.01...100")
        try require(
            (1...100_000).contains(proposals.preNmsTopN), "proposals.pre_nms_top_n", "is not 1...100000")
        try require(
            (1...10_000).contains(proposals.postNmsTopN), "proposals.post_nms_top_n", "is not 1...10000")
        try channels(boxHead.convolutions, "box_head.convolutions")
        try channels(boxHead.fullyConnected, "box_head.fully_connected")
        try require(
            architecture == .c4 || boxHead.fullyConnected.count == (boxHead.convolutions.isEmpty ? 2 : 1),
            "box_head.fully_connected", "needs two layers, or one after convolutions")
        try require(
            (1...1000).contains(boxHead.detectionsPerImage), "box_head.detections_per_image", "is not 1...1000")
        try channels(maskHead.convolutions + [maskHead.hidden], "mask_head.convolutions")
        try require(
            architecture == .c4 || !maskHead.convolutions.isEmpty, "mask_head.convolutions", "is empty")
        for (key, value) in [
            ("proposals.nms_threshold", proposals.nmsThreshold),
            ("box_head.score_threshold", Double(boxHead.scoreThreshold)),
            ("box_head.nms_threshold", boxHead.nmsThreshold),
        ] {
            try require((0...1).contains(value), key, "is not 0...1")
        }
        try require((2...10_000).contains(classes), "classes", "is not 2...10000")
        // Each value may be large, not all of them together: a frame has to fit into memory.
        try require(
            proposals.postNmsTopN * classes <= 20_000_000, "proposals.post_nms_top_n", "times classes is above 20000000"
        )
        let pixels = transform.maxSize * transform.maxSize
        let maps =
            isVGG
            ? [backbone.widths[0] * 16, backbone.widths[1] * 4] + backbone.widths
            : [backbone.stemWidth * 4] + backbone.widths.map { $0 * backbone.block.expansion }
        let values = (maps + [pyramid.channels]).map { $0 * pixels / 16 }
        try require(
            values.allSatisfy { $0 <= 1 << 31 }, "transform.max_size",
            "is too large for so many channels: a feature map would have more than 2^31 values")
        let normalized = Network(self).convolutions.first { layer in
            guard case .group(let groups) = layer.normalization, layer.norm != nil else { return false }
            return layer.outputChannels % groups != 0
        }
        if let normalized {
            throw Failure.invalid(
                key: "normalization",
                problem: "group needs multiples of \(Normalization.groups) channels, and \(normalized.name) has "
                    + "\(normalized.outputChannels)")
        }
        try require(
            categories.allSatisfy { (1..<classes).contains($0.id) }, "categories", "holds an id that is not 1..<classes"
        )
        try require(
            categories.allSatisfy { category in
                !category.name.isEmpty && category.name.count <= 100 && !category.name.contains(",")
                    && category.name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            }, "categories", "holds a name that is empty, longer than 100, or has a comma or control characters")
        try require(
            Set(categories.map(\.id)).count == categories.count
                && Set(categories.map(\.name)).count == categories.count,
            "categories", "names an id or a name twice")
    }
}

extension DecodingError {
    /// What is wrong, and where, in one line.
    var words: String {
        switch self {
        case .dataCorrupted(let context), .typeMismatch(_, let context), .valueNotFound(_, let context),
            .keyNotFound(_, let context):
            // Keys come from a file, and may hold anything.
            let path = context.codingPath.map { key in
                key.intValue.map(String.init)
                    ?? String(String(key.stringValue.prefix(100)).debugDescription.dropFirst().dropLast())
            }.joined(separator: ".")
            return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
        @unknown default: return "\(self)"
        }
    }
}
