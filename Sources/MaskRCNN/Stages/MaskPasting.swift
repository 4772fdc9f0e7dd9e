import Instances
import Tensors

/// Pastes a mask of probabilities into a picture, straight to run lengths (torchvision's `paste_masks_in_image` and a
/// threshold of 0.5).
public enum MaskPasting {
    /// Pixels of zero around the mask, so that its border fades.
    private static let padding = 1
    /// The probability that a pixel of the object must exceed.
    private static let threshold: Float = 0.5

    /// Values nearer to the threshold than this are decided pixel by pixel, since interpolation rounds.
    private static let margin: Float = 1e-5

    /// The mask of one object.
    ///
    /// - Parameters:
    ///   - probabilities: `[side, side]`, row-major.
    ///   - box: Where the object is in the picture, pixels.
    public static func paste(
        _ probabilities: UnsafeBufferPointer<Float>, side: Int, box: Box, width: Int, height: Int
    ) -> Mask {
        let length = side + 2 * padding
        // The box grows with the mask, then its corners are cut to whole pixels, towards zero.
        let scale = Float(length) / Float(side)
        let (halfWidth, halfHeight) = ((box.x1 - box.x0) * 0.5 * scale, (box.y1 - box.y0) * 0.5 * scale)
        let (centerX, centerY) = ((box.x1 + box.x0) * 0.5, (box.y1 + box.y0) * 0.5)
        let (x0, x1) = (Int(centerX - halfWidth), Int(centerX + halfWidth))
        let (y0, y1) = (Int(centerY - halfHeight), Int(centerY + halfHeight))
        let (boxWidth, boxHeight) = (max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1))
        let columns = max(x0, 0)..<max(min(x1 + 1, width), max(x0, 0))
        let rows = max(y0, 0)..<max(min(y1 + 1, height), max(y0, 0))

        var encoder = RunLengthEncoder(capacity: 4 * columns.count + 2)
        encoder.append(foreground: false, count: columns.isEmpty ? 0 : columns.lowerBound * height)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: (length + 1) * length) { memory in
            // Column by column, so that two columns are interpolated along contiguous values.
            let (padded, column) = (memory, UnsafeMutableBufferPointer(rebasing: memory[(length * length)...]))
            memory.initialize(repeating: 0)
            for y in 0..<side {
                for x in 0..<side { padded[(x + padding) * length + y + padding] = probabilities[y * side + x] }
            }
            withUnsafeTemporaryAllocation(of: Place.self, capacity: rows.count) { down in
                for (index, y) in rows.enumerated() {
                    down[index] = Place(y - y0, scale: Float(length) / Float(boxHeight), length: length)
                }
                let stretches = Stretches(down, length: length)
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length + 1) { sides in
                    for x in columns {
                        let across = Place(x - x0, scale: Float(length) / Float(boxWidth), length: length)
                        MaskColumn.interpolate(
                            padded.baseAddress! + across.low * length, across.lowWeight,
                            padded.baseAddress! + across.high * length, across.highWeight, count: length,
                            least: threshold - margin, most: threshold + margin, into: column.baseAddress!,
                            sides: sides.baseAddress!)
                        // The last value is its own lower neighbour.
                        sides[length] = sides[length - 1]
                        encoder.append(foreground: false, count: rows.lowerBound)
                        append(column, sides, down, stretches, to: &encoder)
                        encoder.append(foreground: false, count: height - rows.upperBound)
                    }
                }
            }
        }
        let covered = columns.isEmpty ? 0 : columns.upperBound
        encoder.append(foreground: false, count: (width - covered) * height)
        return Mask(width: width, height: height, runs: encoder.finish())
    }

    /// Appends the pixels of a column: those between mask values on one side of the threshold at once, others one by one.
    @inline(__always)
    private static func append(
        _ column: UnsafeMutableBufferPointer<Float>, _ sides: UnsafeMutableBufferPointer<UInt8>,
        _ down: UnsafeMutableBufferPointer<Place>, _ stretches: Stretches, to encoder: inout RunLengthEncoder
    ) {
        var low = stretches.values.lowerBound
        while low < stretches.values.upperBound {
            let side = sides[low]
            var end = low
            while side != MaskColumn.Side.near, end < stretches.values.upperBound, sides[end + 1] == side { end += 1 }
            if end > low {
                encoder.append(foreground: side == MaskColumn.Side.above, count: stretches.pixels(low, end).count)
                low = end
                continue
            }
            for pixel in stretches.pixels(low, low + 1) {
                let place = down[pixel]
                let value = place.lowWeight * column[place.low] + place.highWeight * column[place.high]
                encoder.append(foreground: value > threshold)
            }
            low += 1
        }
    }

    /// The two mask values that a pixel lies between, as PyTorch's bilinear interpolation has them.
    private struct Place: BitwiseCopyable {
        let low, high: Int
        let lowWeight, highWeight: Float

        @inline(__always)
        init(_ pixel: Int, scale: Float, length: Int) {
            let source = max(0, scale * (Float(pixel) + 0.5) - 0.5)
            low = min(Int(source), length - 1)
            high = min(low + 1, length - 1)
            highWeight = min(max(source - Float(low), 0), 1)
            lowWeight = 1 - highWeight
        }
    }

    /// The rows of pixels that lie between the same two mask values.
    private struct Stretches {
        /// The upper of each two.
        let values: Range<Int>
        /// The first row of each, from the first one on, and the end.
        private let begins: [Int]

        init(_ down: UnsafeMutableBufferPointer<Place>, length: Int) {
            guard let first = down.first, let last = down.last else {
                (values, begins) = (0..<0, [])
                return
            }
            values = first.low..<last.low + 1
            var begins = [Int](repeating: 0, count: values.count + 1)
            // Places go upwards, by less than one mask value or by many.
            for place in down { begins[place.low - first.low + 1] += 1 }
            for index in 1..<begins.count { begins[index] += begins[index - 1] }
            self.begins = begins
        }

        @inline(__always)
        func pixels(_ first: Int, _ end: Int) -> Range<Int> {
            begins[first - values.lowerBound]..<begins[end - values.lowerBound]
        }
    }
}
