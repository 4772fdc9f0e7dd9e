import Configuration
import MaskRCNN

extension ModelConfiguration {
    /// The value of `model`: a file's name, or the mapping itself.
    ///
    /// - Returns: nil for what no network can be built of, after that has been reported.
    init?(of section: Section<TrainingKeys.Training>) {
        if !section.isMapping(.model) {
            guard let path = section.existingFile(.model) else { return nil }
            do {
                let bytes = try YAMLDocument.bytes(of: path, file: path)
                self = try ModelConfiguration(json: String(decoding: bytes, as: UTF8.self))
            } catch let error as ConfigurationError {
                section.report(.model, "\(error)")
                return nil
            } catch {
                section.report(.model, "\(path): \(error)")
                return nil
            }
        } else {
            guard let inner = section.section(.model, of: TrainingKeys.Model.self) else { return nil }
            self = (inner.choice(.backbone, BackboneName.self) ?? .resnet50).configuration
            read(inner)
        }
    }

    private mutating func read(_ section: Section<TrainingKeys.Model>) {
        transform.minSize = section.integer(.minSize, 1...8192) ?? transform.minSize
        transform.maxSize = section.integer(.maxSize, 1...16_384) ?? transform.maxSize
        let sizes = section.numbers(.anchorSizes, 1...8192, count: 5...5, example: "[32, 64, 128, 256, 512]")
        proposals.anchorSizes = sizes.map { $0.map { Float($0) } } ?? proposals.anchorSizes
        let ratios = section.numbers(.aspectRatios, 0.01...100, count: 1...16, example: "[0.5, 1, 2]")
        proposals.aspectRatios = ratios.map { $0.map { Float($0) } } ?? proposals.aspectRatios
        boxHead.scoreThreshold = section.number(.scoreThreshold, 0...1).map { Float($0) } ?? boxHead.scoreThreshold
        boxHead.detectionsPerImage = section.integer(.detectionsPerImage, 1...1000) ?? boxHead.detectionsPerImage
        guard transform.minSize <= transform.maxSize else {
            section.report(
                section.has(.maxSize) ? .maxSize : .minSize,
                "min_size (\(transform.minSize)) is above max_size (\(transform.maxSize)); give both")
            return
        }
        // Values that are right by themselves may be too much together.
        do { try validate() } catch { section.reader.report(section.node, "\(error)") }
    }
}
