import Instances

/// Which pixels belong to an object, in one of the forms that COCO files have.
public enum Segmentation: Sendable, Equatable {
    /// Outlines; the object is all that they enclose.
    case polygons(Polygons)
    /// Run lengths as numbers, down the columns, background first; the size is that of the picture, pixels.
    case runs(width: Int, height: Int, [UInt32])
    /// Run lengths as pycocotools' text.
    case counts(width: Int, height: Int, String)
    /// What is none of these, and why.
    case unusable(String)

    /// The pixels in a picture of the given size; nil where the segmentation does not fit it.
    public func mask(height: Int, width: Int) -> Mask? { try? fitted(height: height, width: width) }

    /// The pixels in a picture of the given size.
    ///
    /// - Throws: `Misfit`.
    func fitted(height: Int, width: Int) throws -> Mask {
        guard COCODataset.Image.isPossible(width: width, height: height) else {
            throw Misfit("the image has an impossible size of \(width)x\(height)")
        }
        switch self {
        case .polygons(let polygons):
            guard let mask = Mask(polygons: polygons.coordinates, width: width, height: height) else {
                throw Misfit("the polygons have no corners, or coordinates or a number of them that no picture has")
            }
            return mask
        case .runs(let ownWidth, let ownHeight, let runs):
            try Self.require(ownWidth, ownHeight, width, height)
            let sum = runs.reduce(0) { $0 + Int($1) }
            guard sum == width * height else {
                throw Misfit("\(Mask.Failure.wrongLength(sum: sum, expected: width * height))")
            }
            return Mask(width: width, height: height, runs: runs)
        case .counts(let ownWidth, let ownHeight, let counts):
            try Self.require(ownWidth, ownHeight, width, height)
            do {
                return try Mask(width: width, height: height, counts: counts)
            } catch {
                throw Misfit("\(error)")
            }
        case .unusable(let reason): throw Misfit(reason)
        }
    }

    private static func require(_ ownWidth: Int, _ ownHeight: Int, _ width: Int, _ height: Int) throws {
        guard ownWidth == width, ownHeight == height else {
            throw Misfit("the mask is of \(ownWidth)x\(ownHeight) pixels, the image of \(width)x\(height)")
        }
    }

    /// Why a segmentation does not fit its picture.
    struct Misfit: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}

/// Polygons in little memory.
///
/// Coordinates of COCO's files have two decimals, which 32 bits hold exactly as hundredths; others are kept as they are.
public struct Polygons: Sendable, Equatable {
    private enum Storage: Equatable {
        /// For each polygon the number of its coordinates, then these times 100.
        case hundredths([Int32])
        /// For each polygon the number of its coordinates, then these.
        case exact([Double])
    }

    private let storage: Storage

    /// - Parameter polygons: Each with x and y in turns, pixels.
    public init(_ polygons: [[Double]]) {
        var hundredths: [Int32] = []
        hundredths.reserveCapacity(polygons.reduce(0) { $0 + 1 + $1.count })
        for polygon in polygons {
            hundredths.append(Int32(truncatingIfNeeded: polygon.count))
            for value in polygon {
                guard let scaled = Int32(exactly: (value * 100).rounded()), Double(scaled) / 100 == value else {
                    storage = .exact(polygons.flatMap { [Double($0.count)] + $0 })
                    return
                }
                hundredths.append(scaled)
            }
        }
        storage = .hundredths(hundredths)
    }

    /// The polygons, each with x and y in turns, pixels.
    public var coordinates: [[Double]] {
        switch storage {
        case .hundredths(let values):
            Self.parts(count: values.count) { Int(values[$0]) }.map { part in values[part].map { Double($0) / 100 } }
        case .exact(let values):
            Self.parts(count: values.count) { Int(values[$0]) }.map { part in Array(values[part]) }
        }
    }

    /// Where each polygon's coordinates lie among `count` values; `length` is the value that stands before them.
    private static func parts(count: Int, length: (Int) -> Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        while start < count {
            parts.append(start + 1..<start + 1 + length(start))
            start = parts[parts.count - 1].upperBound
        }
        return parts
    }
}
