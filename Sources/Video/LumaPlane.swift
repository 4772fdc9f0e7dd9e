import CFFmpeg

/// A small grey picture, for telling whether two frames differ.
public struct LumaPlane: Sendable, Equatable {
    /// Pixels.
    public let width: Int
    /// Pixels.
    public let height: Int
    /// Luma, `[height, width]`, with the range of the frame that it is taken from.
    public let samples: [UInt8]

    public init(width: Int, height: Int, samples: [UInt8]) {
        precondition(samples.count == width * height, "a plane has a sample for every pixel")
        self.width = width
        self.height = height
        self.samples = samples
    }
}

extension VideoFrame {
    /// Averages the frame's luma over a grid of blocks.
    ///
    /// As the decoder stored it, not turned upright; and only as exact as is of use for comparing frames of one source with each other:
    /// of a high block some rows are left out, the same ones each time. Where the frame is smaller than the grid, samples repeat.
    ///
    /// - Throws: `VideoError.unsupportedFormat`, `.outOfMemory`.
    public func lumaThumbnail(width: Int, height: Int) throws -> LumaPlane {
        precondition(width > 0 && height > 0, "a thumbnail has pixels")
        return try workshop.luma.thumbnail(frame, width: width, height: height, input: workshop.input)
    }
}

/// Averages luma over blocks.
final class LumaReducer: Sendable {
    private let converter = PictureConverter(scaling: SWS_AREA)
    private let pool = PicturePool()

    /// The most rows of a block that are read: noise has then shrunk enough, and the memory of a large frame is not all fetched.
    private static let rows = 8

    func thumbnail(
        _ frame: UnsafePointer<AVFrame>, width: Int, height: Int, input: String
    ) throws -> LumaPlane {
        if let plane = frame.pointee.data.0, AVPixelFormat(frame.pointee.format).hasPlainLuma {
            let samples = Self.average(
                plane, stride: Int(frame.pointee.linesize.0), width: Int(frame.pointee.width),
                height: Int(frame.pointee.height), columns: width, rows: height)
            return LumaPlane(width: width, height: height, samples: samples)
        }
        let target = try pool.frame(width: width, height: height, format: AV_PIX_FMT_GRAY8)
        defer { FFmpeg.free(target) }
        try converter.convert(frame, into: target, input: input)
        guard let plane = target.pointee.data.0 else { throw VideoError.outOfMemory }
        let stride = Int(target.pointee.linesize.0)
        let samples = [UInt8](unsafeUninitializedCapacity: width * height) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            for y in 0..<height { (base + y * width).initialize(from: plane + y * stride, count: width) }
            count = width * height
        }
        return LumaPlane(width: width, height: height, samples: samples)
    }

    /// Adds rows up first, which vector instructions do for a whole row, and then columns.
    private static func average(
        _ plane: UnsafePointer<UInt8>, stride: Int, width: Int, height: Int, columns: Int, rows: Int
    ) -> [UInt8] {
        var samples = [UInt8](repeating: 0, count: columns * rows)
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: width) { sums in
            guard let sum = sums.baseAddress else { return }
            for row in 0..<rows {
                let (top, bottom) = bounds(row, of: rows, over: height)
                let count = min(Self.rows, bottom - top)
                sums.initialize(repeating: 0)
                for index in 0..<count {
                    let line = plane + (top + index * (bottom - top) / count) * stride
                    for x in 0..<width { sum[x] &+= UInt16(truncatingIfNeeded: line[x]) }
                }
                for column in 0..<columns {
                    let (left, right) = bounds(column, of: columns, over: width)
                    var total: UInt32 = 0
                    for x in left..<right { total &+= UInt32(truncatingIfNeeded: sum[x]) }
                    samples[row * columns + column] = UInt8(Int(total) / (count * (right - left)))
                }
            }
        }
        return samples
    }

    /// What a cell of a grid covers, at least one pixel.
    private static func bounds(_ cell: Int, of cells: Int, over length: Int) -> (Int, Int) {
        let start = cell * length / cells
        return (start, max(start + 1, (cell + 1) * length / cells))
    }
}

extension AVPixelFormat {
    /// Whether the first plane is luma, a byte a pixel.
    fileprivate var hasPlainLuma: Bool {
        guard let descriptor = av_pix_fmt_desc_get(self) else { return false }
        let others = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL
        let luma = descriptor.pointee.comp.0
        return descriptor.pointee.flags & UInt64(others) == 0 && luma.plane == 0 && luma.step == 1 && luma.offset == 0
            && luma.shift == 0 && luma.depth == 8
    }
}
