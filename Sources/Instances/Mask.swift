/// A binary mask in COCO's run-length encoding.
///
/// The runs go down the columns, left to right, and alternate between background and foreground, beginning with
/// background. The compressed text form is that of pycocotools (`maskApi.c`, `rleToString`).
public struct Mask: Equatable, Hashable, Sendable {
    /// Width of the picture that the mask covers, pixels.
    public let width: Int
    /// Height of the picture that the mask covers, pixels.
    public let height: Int
    /// Run lengths, pixels; they add up to `width * height`.
    public let runs: [UInt32]

    /// Why a mask could not be read.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case malformedCounts(String)
        case wrongLength(sum: Int, expected: Int)
        case impossibleSize(width: Int, height: Int)

        public var description: String {
            switch self {
            case .malformedCounts(let counts): "the run-length text \"\(counts.prefix(24))\" is not COCO's encoding"
            case .wrongLength(let sum, let expected): "the runs cover \(sum) pixels instead of \(expected)"
            case .impossibleSize(let width, let height): "no picture has a size of \(width)x\(height) pixels"
            }
        }
    }

    /// Takes runs as they are; they must add up to `width * height`.
    public init(width: Int, height: Int, runs: [UInt32]) {
        precondition(width >= 0 && height >= 0, "a mask has no negative side")
        self.width = width
        self.height = height
        self.runs = runs
    }

    /// Encodes a bitmap `[height, width]`, row by row; any value but 0 is foreground.
    public init(width: Int, height: Int, bitmap: [UInt8]) {
        precondition(bitmap.count == width * height, "the bitmap has one byte a pixel")
        var encoder = RunLengthEncoder()
        bitmap.withUnsafeBufferPointer { pixels in
            for x in 0..<width {
                var i = x
                for _ in 0..<height {
                    encoder.append(foreground: pixels[i] != 0)
                    i += width
                }
            }
        }
        self.init(width: width, height: height, runs: encoder.finish())
    }

    /// Reads COCO's compressed text form.
    ///
    /// - Throws: `Mask.Failure` where the text is not that encoding or does not cover the picture.
    public init(width: Int, height: Int, counts: String) throws {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width >= 0, height >= 0, !overflow, pixels <= Int(UInt32.max) else {
            throw Failure.impossibleSize(width: width, height: height)
        }
        var runs: [UInt32] = []
        var sum = 0
        let bytes = Array(counts.utf8)
        var i = 0
        while i < bytes.count {
            var value = 0
            var shift = 0
            var more = true
            while more {
                guard i < bytes.count, (48..<112).contains(bytes[i]), shift <= 35 else {
                    throw Failure.malformedCounts(counts)
                }
                let c = Int(bytes[i]) - 48
                value |= (c & 0x1f) << shift
                more = c & 0x20 != 0
                i += 1
                shift += 5
                if !more && c & 0x10 != 0 { value |= -1 << shift }
            }
            if runs.count > 2 { value += Int(runs[runs.count - 2]) }
            guard value >= 0 else { throw Failure.malformedCounts(counts) }
            guard sum + value <= pixels else { throw Failure.wrongLength(sum: sum + value, expected: pixels) }
            sum += value
            runs.append(UInt32(value))
        }
        guard sum == pixels else { throw Failure.wrongLength(sum: sum, expected: pixels) }
        self.init(width: width, height: height, runs: runs)
    }

    /// COCO's compressed text form.
    public var counts: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(runs.count * 2)
        for (i, run) in runs.enumerated() {
            var value = Int(run)
            if i > 2 { value -= Int(runs[i - 2]) }
            var more = true
            while more {
                var c = value & 0x1f
                value >>= 5
                more = c & 0x10 != 0 ? value != -1 : value != 0
                if more { c |= 0x20 }
                bytes.append(UInt8(c + 48))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Number of foreground pixels.
    public var area: Int {
        var sum = 0
        for i in stride(from: 1, to: runs.count, by: 2) { sum += Int(runs[i]) }
        return sum
    }

    /// The bitmap `[height, width]`, row by row, 1 where foreground.
    public func bitmap() -> [UInt8] {
        var pixels = [UInt8](repeating: 0, count: width * height)
        pixels.withUnsafeMutableBufferPointer { pixels in
            forEachForegroundRun { x, rows in
                for y in rows { pixels[y * width + x] = 1 }
            }
        }
        return pixels
    }

    /// Calls `body` for every vertical foreground run: its column and its rows; columns go left to right.
    @inlinable
    public func forEachForegroundRun(_ body: (_ x: Int, _ rows: Range<Int>) -> Void) {
        guard height > 0 else { return }
        var position = 0
        for (i, run) in runs.enumerated() {
            let end = position + Int(run)
            if i % 2 == 1 {
                while position < end {
                    let x = position / height
                    let y = position - x * height
                    let stop = min(end, (x + 1) * height)
                    body(x, y..<(y + stop - position))
                    position = stop
                }
            }
            position = end
        }
    }

    /// The smallest box of whole pixels around the foreground, or nil where there is none.
    public var boundingBox: Box? {
        var (left, right, top, bottom) = (width, 0, height, 0)
        forEachForegroundRun { x, rows in
            left = min(left, x)
            right = max(right, x + 1)
            top = min(top, rows.lowerBound)
            bottom = max(bottom, rows.upperBound)
        }
        guard right > left else { return nil }
        return Box(x0: Float(left), y0: Float(top), x1: Float(right), y1: Float(bottom))
    }

    /// The number of pixels that are foreground in both masks, which must cover pictures of one size.
    public func intersection(_ other: Mask) -> Int {
        precondition(width == other.width && height == other.height, "masks of one picture")
        var (i, j) = (0, 0)
        var (endA, endB) = (Int(runs.first ?? 0), Int(other.runs.first ?? 0))
        var (position, sum) = (0, 0)
        while i < runs.count && j < other.runs.count {
            let end = min(endA, endB)
            if i % 2 == 1 && j % 2 == 1 { sum += end - position }
            position = end
            // Zero-length runs are legal, so both lists advance until they are past the position.
            if endA == position {
                i += 1
                if i < runs.count { endA += Int(runs[i]) }
            }
            if endB == position {
                j += 1
                if j < other.runs.count { endB += Int(other.runs[j]) }
            }
        }
        return sum
    }

    /// The intersection over union with another mask of the same picture, 0...1.
    public func intersectionOverUnion(_ other: Mask) -> Float {
        let both = intersection(other)
        let union = area + other.area - both
        return union > 0 ? Float(both) / Float(union) : 0
    }
}

/// Collects pixels in column order into COCO runs.
public struct RunLengthEncoder {
    @usableFromInline var runs: [UInt32] = []
    @usableFromInline var current: UInt32 = 0
    @usableFromInline var foreground = false

    /// - Parameter capacity: Runs for which there is room at first.
    public init(capacity: Int = 0) {
        runs.reserveCapacity(capacity)
    }

    /// Adds one pixel.
    @inlinable
    public mutating func append(foreground value: Bool) {
        if value == foreground {
            current += 1
        } else {
            runs.append(current)
            foreground = value
            current = 1
        }
    }

    /// Adds `count` pixels of one value.
    @inlinable
    public mutating func append(foreground value: Bool, count: Int) {
        guard count > 0 else { return }
        if value == foreground {
            current += UInt32(count)
        } else {
            runs.append(current)
            foreground = value
            current = UInt32(count)
        }
    }

    /// Returns the runs collected so far.
    public mutating func finish() -> [UInt32] {
        if current > 0 || runs.isEmpty { runs.append(current) }
        defer { (runs, current, foreground) = ([], 0, false) }
        return runs
    }
}
