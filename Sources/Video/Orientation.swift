import CFFmpeg

/// One of the eight ways in which a stored picture may have to be turned to stand upright.
///
/// An upright pixel `(x, y)` is found in the stored picture by undoing `flipsX` and `flipsY` in the upright picture, and
/// then, where `transposes`, by exchanging the coordinates.
struct Orientation: Sendable, Equatable {
    var transposes = false
    var flipsX = false
    var flipsY = false

    static let upright = Orientation()

    init() {}

    /// Reads a display matrix (ISO/IEC 14496-12, section 8.5.3; layout in libavutil/display.h), to the nearest quarter turn.
    init(matrix: UnsafePointer<Int32>) {
        let (a, b, c, d) = (Int64(matrix[0]), Int64(matrix[1]), Int64(matrix[3]), Int64(matrix[4]))
        transposes = abs(b) + abs(c) > abs(a) + abs(d)
        flipsX = (transposes ? c : a) < 0
        flipsY = (transposes ? b : d) < 0
    }

    /// Degrees by which the stored picture is turned clockwise, after a possible mirroring.
    var degrees: Int { transposes ? (flipsX ? 90 : 270) : (flipsY ? 180 : 0) }

    /// The upright size of a stored one.
    func size(width: Int, height: Int) -> (width: Int, height: Int) {
        transposes ? (height, width) : (width, height)
    }

    /// Writes a plane upright.
    ///
    /// - Parameters:
    ///   - source: The stored plane, `sourceStride` bytes a row.
    ///   - target: The upright plane, `width` by `height` elements of `bytes` bytes each, `targetStride` bytes a row.
    func turn(
        _ source: UnsafePointer<UInt8>, stride sourceStride: Int, into target: UnsafeMutablePointer<UInt8>,
        stride targetStride: Int, width: Int, height: Int, bytes: Int
    ) {
        // Bytes in the stored plane from one upright element to its right, or lower, neighbour.
        let stepX = (transposes ? sourceStride : bytes) * (flipsX ? -1 : 1)
        let stepY = (transposes ? bytes : sourceStride) * (flipsY ? -1 : 1)
        let origin = source + (flipsX ? -stepX * (width - 1) : 0) + (flipsY ? -stepY * (height - 1) : 0)
        if stepX == bytes {
            for y in 0..<height { (target + y * targetStride).update(from: origin + y * stepY, count: width * bytes) }
            return
        }
        // Squares, so that the stored rows which a turned row crosses stay in the cache.
        let side = 32
        for top in stride(from: 0, to: height, by: side) {
            for left in stride(from: 0, to: width, by: side) {
                for y in top..<min(top + side, height) {
                    var from = origin + y * stepY + left * stepX
                    var to = target + y * targetStride + left * bytes
                    for _ in left..<min(left + side, width) {
                        for byte in 0..<bytes { to[byte] = from[byte] }
                        from += stepX
                        to += bytes
                    }
                }
            }
        }
    }
}
