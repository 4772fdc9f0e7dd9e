import Instances

/// The outline of an object, in one of COCO's three forms.
public enum Segmentation: Sendable, Equatable {
    /// The corners of one or more parts: x, y, x, y, and so on, pixels.
    case polygons([[Double]])
    /// Run lengths down the columns, beginning with background.
    case runs(height: Int, width: Int, [Int])
    /// The same as text.
    case text(height: Int, width: Int, String)

    /// Why an outline is none.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case oddCount(part: Int, count: Int)
        case tooFewPoints(part: Int, count: Int)
        case notFinite(part: Int)
        case noPart
        case otherSize(height: Int, width: Int, expected: String)
        case badRuns(String)

        public var description: String {
            switch self {
            case .oddCount(let part, let count): "polygon \(part) has \(count) numbers; a point has two"
            case .tooFewPoints(let part, let count): "polygon \(part) has \(count) points; three are needed"
            case .notFinite(let part): "polygon \(part) has a number that is no place in a picture"
            case .noPart: "the list of polygons is empty"
            case .otherSize(let height, let width, let expected):
                "the run lengths are of a picture of \(width)x\(height) pixels, the picture has \(expected)"
            case .badRuns(let what): "the run lengths are wrong: \(what)"
            }
        }
    }

    /// No picture has places beyond these, pixels.
    static let farthest = 1e6

    /// The pixels in a picture of some size.
    ///
    /// - Throws: `Segmentation.Failure`.
    public func mask(height: Int, width: Int) throws(Failure) -> Mask {
        guard (1...65535).contains(width), (1...65535).contains(height) else {
            throw .badRuns("no picture has a size of \(width)x\(height) pixels")
        }
        switch self {
        case .polygons(let parts):
            guard !parts.isEmpty else { throw .noPart }
            var whole: Mask?
            for (number, part) in parts.enumerated() {
                guard part.count % 2 == 0 else { throw .oddCount(part: number, count: part.count) }
                guard part.count >= 6 else { throw .tooFewPoints(part: number, count: part.count / 2) }
                guard part.allSatisfy({ abs($0) <= Self.farthest }) else { throw .notFinite(part: number) }
                let mask = PolygonRasterizer.mask(part, height: height, width: width)
                whole = whole.map { $0.union(mask) } ?? mask
            }
            return whole!
        case .runs(let ownHeight, let ownWidth, let runs):
            try Self.requireSize(ownHeight, ownWidth, height, width)
            var sum = 0
            for run in runs {
                guard run >= 0, run <= height * width - sum else {
                    throw .badRuns("they go beyond the picture's \(height * width) pixels")
                }
                sum += run
            }
            guard sum == height * width else {
                throw .badRuns("they cover \(sum) of the picture's \(height * width) pixels")
            }
            return Mask(width: width, height: height, runs: runs.map { UInt32($0) })
        case .text(let ownHeight, let ownWidth, let counts):
            try Self.requireSize(ownHeight, ownWidth, height, width)
            do {
                return try Mask(width: width, height: height, counts: counts)
            } catch {
                throw .badRuns("\(error)")
            }
        }
    }

    private static func requireSize(
        _ ownHeight: Int, _ ownWidth: Int, _ height: Int, _ width: Int
    ) throws(Failure) {
        guard ownHeight == height, ownWidth == width else {
            throw .otherSize(height: ownHeight, width: ownWidth, expected: "\(width)x\(height)")
        }
    }
}
