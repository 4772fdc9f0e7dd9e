import Instances

/// Pastes a mask of probabilities into a picture, straight to run lengths (torchvision's `paste_masks_in_image` and a
/// threshold of 0.5).
public enum MaskPasting {
    /// Pixels of zero around the mask, so that its border fades.
    private static let padding = 1
    /// The probability that a pixel of the object must exceed.
    private static let threshold: Float = 0.5

    /// The mask of one object.
    ///
    /// - Parameters:
    ///   - probabilities: `[side, side]`, row-major.
    ///   - box: Where the object is in the picture, pixels.
    public static func paste(
        _ probabilities: UnsafeBufferPointer<Float>, side: Int, box: Box, width: Int, height: Int
    ) -> Mask {
        let length = side + 2 * padding
        var padded = [Float](repeating: 0, count: length * length)
        var column = [Float](repeating: 0, count: length)
        for y in 0..<side {
            for x in 0..<side {
                padded[(y + padding) * length + x + padding] = probabilities[y * side + x]
            }
        }
        // The box grows with the mask, then its corners are cut to whole pixels, towards zero.
        let scale = Float(length) / Float(side)
        let (halfWidth, halfHeight) = ((box.x1 - box.x0) * 0.5 * scale, (box.y1 - box.y0) * 0.5 * scale)
        let (centerX, centerY) = ((box.x1 + box.x0) * 0.5, (box.y1 + box.y0) * 0.5)
        let (x0, x1) = (Int(centerX - halfWidth), Int(centerX + halfWidth))
        let (y0, y1) = (Int(centerY - halfHeight), Int(centerY + halfHeight))
        let (boxWidth, boxHeight) = (max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1))
        let columns = max(x0, 0)..<max(min(x1 + 1, width), max(x0, 0))
        let rows = max(y0, 0)..<max(min(y1 + 1, height), max(y0, 0))

        let down = rows.map { Place($0 - y0, scale: Float(length) / Float(boxHeight), length: length) }
        var encoder = RunLengthEncoder()
        encoder.append(foreground: false, count: columns.isEmpty ? 0 : columns.lowerBound * height)
        for x in columns {
            let across = Place(x - x0, scale: Float(length) / Float(boxWidth), length: length)
            for y in 0..<length {
                column[y] =
                    across.lowWeight * padded[y * length + across.low]
                    + across.highWeight * padded[y * length + across.high]
            }
            encoder.append(foreground: false, count: rows.lowerBound)
            for place in down {
                let value = place.lowWeight * column[place.low] + place.highWeight * column[place.high]
                encoder.append(foreground: value > threshold)
            }
            encoder.append(foreground: false, count: height - rows.upperBound)
        }
        let covered = columns.isEmpty ? 0 : columns.upperBound
        encoder.append(foreground: false, count: (width - covered) * height)
        return Mask(width: width, height: height, runs: encoder.finish())
    }

    /// The two mask values that a pixel lies between, as PyTorch's bilinear interpolation has them.
    private struct Place {
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
}
