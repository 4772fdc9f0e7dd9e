/// COCO's twelve figures of a detector (cocodataset.org, "Detection evaluation"), each 0...1; nil where no object counts.
///
/// Where not said otherwise they are means over the overlaps 0.50, 0.55, ... 0.95, with 100 detections an image.
public struct EvaluationFigures: Sendable, Equatable {
    /// One of the figures.
    public struct Name: Sendable, Equatable {
        /// As in papers: `AP50`, `ARs`.
        public let name: String
        /// Whether it is a mean of precisions, and not of recalls.
        public let isPrecision: Bool
        /// The overlaps it is a mean over: `0.50:0.95`, or one.
        public let overlap: String
        /// The size of the objects that count: `all`, `small`, `medium` or `large`.
        public let area: String
        /// The detections an image that count.
        public let detections: Int
    }

    /// The twelve figures in the order of `values`, which is that of pycocotools.
    public static let names: [Name] = [
        Name(name: "AP", isPrecision: true, overlap: "0.50:0.95", area: "all", detections: 100),
        Name(name: "AP50", isPrecision: true, overlap: "0.50", area: "all", detections: 100),
        Name(name: "AP75", isPrecision: true, overlap: "0.75", area: "all", detections: 100),
        Name(name: "APs", isPrecision: true, overlap: "0.50:0.95", area: "small", detections: 100),
        Name(name: "APm", isPrecision: true, overlap: "0.50:0.95", area: "medium", detections: 100),
        Name(name: "APl", isPrecision: true, overlap: "0.50:0.95", area: "large", detections: 100),
        Name(name: "AR1", isPrecision: false, overlap: "0.50:0.95", area: "all", detections: 1),
        Name(name: "AR10", isPrecision: false, overlap: "0.50:0.95", area: "all", detections: 10),
        Name(name: "AR100", isPrecision: false, overlap: "0.50:0.95", area: "all", detections: 100),
        Name(name: "ARs", isPrecision: false, overlap: "0.50:0.95", area: "small", detections: 100),
        Name(name: "ARm", isPrecision: false, overlap: "0.50:0.95", area: "medium", detections: 100),
        Name(name: "ARl", isPrecision: false, overlap: "0.50:0.95", area: "large", detections: 100),
    ]

    /// The figures in the order of `names`.
    public let values: [Double?]

    init(values: [Double?]) { self.values = values }

    /// The mean over categories, each figure over those where an object counts.
    init(meanOf figures: [EvaluationFigures]) {
        values = Self.names.indices.map { index in mean(figures.compactMap { $0.values[index] }) }
    }

    /// The average precision over overlaps of 0.50 to 0.95.
    public var averagePrecision: Double? { values[0] }

    /// The figure with a name of `names`.
    public subscript(_ name: String) -> Double? {
        Self.names.firstIndex { $0.name == name }.flatMap { values[$0] }
    }
}

/// The arithmetic mean; nil of nothing.
func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}
