import Video

/// Coverage of a region by one colour: a byte a pixel, 0 for none and 255 for all of it.
struct Coverage {
    /// `[region.height, region.width]`.
    var alpha: UnsafeMutablePointer<UInt8>
    /// Bytes from one row to the next.
    var stride: Int
    /// Whole chroma samples, as `PixelRegion.aligned` gives them, that begin inside the picture.
    var region: PixelRegion
}

extension Canvas {
    var bounds: PixelRegion { PixelRegion(left: 0, top: 0, right: width, bottom: height) }

    /// Paints a rectangle, cut at the picture's border. Chroma that it touches takes its colour wholly, so that thin lines
    /// do not lose theirs.
    func fill(_ rectangle: PixelRegion, _ ink: Ink) {
        let luma = rectangle.intersection(bounds)
        guard !luma.isEmpty else { return }
        for y in luma.top..<luma.bottom {
            (self.luma + y * lumaStride + luma.left).update(repeating: ink.y, count: luma.width)
        }
        let outer = luma.aligned(toChromaOf: self)
        let columns = (outer.right >> chromaShiftX) - (outer.left >> chromaShiftX)
        for y in outer.top >> chromaShiftY..<outer.bottom >> chromaShiftY {
            let offset = y * chromaStride + outer.left >> chromaShiftX
            (chromaU + offset).update(repeating: ink.u, count: columns)
            (chromaV + offset).update(repeating: ink.v, count: columns)
        }
    }

    /// Paints a frame of lines, whose outer edge is the rectangle's.
    func outline(_ rectangle: PixelRegion, lineWidth: Int, _ ink: Ink) {
        var (top, bottom, left, right) = (rectangle, rectangle, rectangle, rectangle)
        top.bottom = min(rectangle.bottom, rectangle.top + lineWidth)
        bottom.top = max(rectangle.top, rectangle.bottom - lineWidth)
        left.right = min(rectangle.right, rectangle.left + lineWidth)
        right.left = max(rectangle.left, rectangle.right - lineWidth)
        for side in [top, bottom, left, right] { fill(side, ink) }
    }

    /// Mixes a colour into the picture: luma by its own coverage, chroma by the mean of the pixels that it stands for.
    ///
    /// What the coverage says of columns outside the picture is overwritten.
    func blend(_ ink: Ink, _ coverage: Coverage, scratch: ScratchMemory<UInt16>) {
        let region = coverage.region
        let visible = region.intersection(bounds)
        guard !visible.isEmpty else { return }
        let (blockWidth, blockHeight) = (1 << chromaShiftX, 1 << chromaShiftY)
        let columns = region.width >> chromaShiftX
        let sums = scratch.uncleared(region.width + columns, 0)
        let means = UnsafeMutableRawPointer(sums + region.width).assumingMemoryBound(to: UInt8.self)
        for top in stride(from: visible.top, to: visible.bottom, by: blockHeight) {
            for y in top..<min(top + blockHeight, visible.bottom) {
                let alpha = coverage.alpha + (y - region.top) * coverage.stride
                // Samples that lack pixels at an odd picture's edge stand for the ones they have.
                for x in visible.width..<max(visible.width, region.width) { alpha[x] = alpha[visible.width - 1] }
                Self.mix(ink.y, into: luma + y * lumaStride + visible.left, alpha: alpha, count: visible.width)
            }
            for row in 0..<blockHeight {
                let y = min(top + row, visible.bottom - 1)
                let alpha = coverage.alpha + (y - region.top) * coverage.stride
                Self.accumulate(alpha, into: sums, isFirst: row == 0, count: region.width)
            }
            Self.average(sums, blockWidth: blockWidth, shift: chromaShiftX + chromaShiftY, into: means, count: columns)
            let offset = (top >> chromaShiftY) * chromaStride + region.left >> chromaShiftX
            Self.mix(ink.u, into: chromaU + offset, alpha: means, count: columns)
            Self.mix(ink.v, into: chromaV + offset, alpha: means, count: columns)
        }
    }

    /// `destination += (value - destination) * alpha`, in 16 bits so that compilers find vectors for it.
    private static func mix(
        _ value: UInt8, into destination: UnsafeMutablePointer<UInt8>, alpha: UnsafePointer<UInt8>, count: Int
    ) {
        let value = UInt16(value)
        for x in 0..<count {
            // 0...255 becomes 0...256, so that full coverage leaves nothing of what was there.
            let a = UInt16(alpha[x]) &+ UInt16(alpha[x] >> 7)
            let mixed = UInt16(destination[x]) &* (256 &- a) &+ value &* a &+ 128
            destination[x] = UInt8(truncatingIfNeeded: mixed &>> 8)
        }
    }

    private static func accumulate(
        _ alpha: UnsafePointer<UInt8>, into sums: UnsafeMutablePointer<UInt16>, isFirst: Bool, count: Int
    ) {
        if isFirst {
            for x in 0..<count { sums[x] = UInt16(alpha[x]) }
        } else {
            for x in 0..<count { sums[x] &+= UInt16(alpha[x]) }
        }
    }

    /// Sums up `blockWidth` columns each and divides by 2^shift.
    private static func average(
        _ sums: UnsafePointer<UInt16>, blockWidth: Int, shift: Int, into means: UnsafeMutablePointer<UInt8>, count: Int
    ) {
        let half = UInt16((1 << shift) >> 1)
        let shift = UInt16(shift)
        switch blockWidth {
        case 1:
            for x in 0..<count { means[x] = UInt8(truncatingIfNeeded: (sums[x] &+ half) &>> shift) }
        case 2:
            for x in 0..<count {
                means[x] = UInt8(truncatingIfNeeded: (sums[2 &* x] &+ sums[2 &* x &+ 1] &+ half) &>> shift)
            }
        default:
            for x in 0..<count {
                var sum = half
                for i in 0..<blockWidth { sum &+= sums[x &* blockWidth &+ i] }
                means[x] = UInt8(truncatingIfNeeded: sum &>> shift)
            }
        }
    }
}
