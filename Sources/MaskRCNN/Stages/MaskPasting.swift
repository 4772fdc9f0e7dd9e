import Instances
import Tensors

/// Pastes a mask of probabilities into a picture, straight to run lengths (torchvision's and Detectron2's `paste_masks_in_image` and a
/// threshold of 0.5).
public enum MaskPasting {
    /// Pixels of zero around the mask, so that its border fades.
    private static let padding = 1
    /// The probability that a pixel of the object must exceed, or under Detectron2's rules reach.
    private static let threshold: Float = 0.5

    /// Values nearer to the threshold than this are decided pixel by pixel, since interpolation rounds.
    private static let margin: Float = 1e-5

    /// The mask of one object.
    ///
    /// - Parameters:
    ///   - probabilities: `[side, side]`, row-major.
    ///   - box: Where the object is in the picture, pixels.
    public static func paste(
        _ probabilities: UnsafeBufferPointer<Float>, side: Int, box: Box, width: Int, height: Int,
        rules: ModelConfiguration.Rules = .torchvision
    ) -> Mask {
        let length = side + 2 * padding
        let across = Axis(box.x0, box.x1, side: side, pixels: width, rules: rules)
        let downwards = Axis(box.y0, box.y1, side: side, pixels: height, rules: rules)
        let (columns, rows) = (across.pixels, downwards.pixels)
        // The greatest number below the threshold, so that what reaches it exceeds this.
        let limit = rules == .torchvision ? threshold : threshold.nextDown

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
                for (index, y) in rows.enumerated() { down[index] = downwards.place(y) }
                let stretches = Stretches(down, length: length)
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length + 1) { sides in
                    for x in columns {
                        let place = across.place(x)
                        MaskColumn.interpolate(
                            padded.baseAddress! + place.low * length, place.lowWeight,
                            padded.baseAddress! + place.high * length, place.highWeight, count: length,
                            least: threshold - margin, most: threshold + margin, into: column.baseAddress!,
                            sides: sides.baseAddress!)
                        // The last value is its own lower neighbour.
                        sides[length] = sides[length - 1]
                        encoder.append(foreground: false, count: rows.lowerBound)
                        append(column, sides, down, stretches, limit, to: &encoder)
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
        _ down: UnsafeMutableBufferPointer<Place>, _ stretches: Stretches, _ limit: Float,
        to encoder: inout RunLengthEncoder
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
                encoder.append(foreground: value > limit)
            }
            low += 1
        }
    }

    /// Where a box's columns or rows lie in the picture, and in the mask.
    private struct Axis {
        /// Those of the picture that may belong to the object.
        let pixels: Range<Int>
        /// What a pixel's middle is multiplied by, and what is added then, to be a place in the padded mask.
        private let scale, offset: Float
        /// The pixel that places are counted from.
        private let origin: Int
        private let length: Int

        init(_ low: Float, _ high: Float, side: Int, pixels count: Int, rules: ModelConfiguration.Rules) {
            length = side + 2 * padding
            switch rules {
            case .torchvision:
                // The box grows with the mask, then its edges are cut to whole pixels, towards zero.
                let growth = Float(length) / Float(side)
                let (half, center) = ((high - low) * 0.5 * growth, (high + low) * 0.5)
                let (first, last) = (Int(center - half), Int(center + half))
                pixels = max(first, 0)..<max(min(last + 1, count), max(first, 0))
                (origin, scale) = (first, Float(length) / Float(max(last - first + 1, 1)))
                offset = -0.5
            case .detectron2:
                // The mask lies in the box as it is; half a value outside of it fades to 0.
                guard high > low, low.magnitude < 1e9, high.magnitude < 1e9 else {
                    (pixels, origin, scale, offset) = (0..<0, 0, 0, 0)
                    return
                }
                let perPixel = Float(side) / (high - low)
                // Counted from near the box, so that nothing is lost between large numbers.
                let corner = Int(low.rounded(.down))
                let shift = Float(padding) - 0.5 - (low - Float(corner)) * perPixel
                (origin, scale, offset) = (corner, perPixel, shift)
                var (first, end) = (max(Int(low.rounded(.down)) - 1, 0), min(Int(high.rounded(.up)) + 1, count))
                func isInside(_ pixel: Int) -> Bool {
                    let place = perPixel * (Float(pixel - corner) + 0.5) + shift
                    return place > 0 && place < Float(side + 2 * padding - 1)
                }
                while first < end, !isInside(first) { first += 1 }
                while end > first, !isInside(end - 1) { end -= 1 }
                pixels = first < end ? first..<end : 0..<0
            }
        }

        @inline(__always)
        func place(_ pixel: Int) -> Place {
            Place(scale * (Float(pixel - origin) + 0.5) + offset, length: length)
        }
    }

    /// The two mask values that a pixel lies between, as PyTorch's bilinear interpolation has them.
    private struct Place: BitwiseCopyable {
        let low, high: Int
        let lowWeight, highWeight: Float

        @inline(__always)
        init(_ position: Float, length: Int) {
            let source = max(0, position)
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
