import Tensors

/// Resizes 8-bit pictures as Pillow's `Image.resize` with `BILINEAR` does: a triangle filter that is as wide as a pixel of the smaller
/// picture, first along rows, then along columns, each result rounded to 8 bits.
struct PictureResampling {
    private let source: ImageTransform.Size
    private let target: ImageTransform.Size
    private let columns: [Window]
    private let rows: [Window]

    /// The neighbouring pixels that one is made of, and their weights in units of 2^-22.
    private struct Window {
        let first: Int
        let weights: [Int32]
    }

    private static let fractionBits = 22

    init(from source: ImageTransform.Size, to target: ImageTransform.Size) {
        self.source = source
        self.target = target
        columns = Self.windows(source.width, target.width)
        rows = Self.windows(source.height, target.height)
    }

    private static func windows(_ length: Int, _ outputLength: Int) -> [Window] {
        let scale = Double(length) / Double(outputLength)
        let support = max(scale, 1)
        return (0..<outputLength).map { index in
            let center = (Double(index) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(length, Int(center + support + 0.5))
            let weights = (first..<end).map { place in
                max(0, 1 - abs((Double(place) - center + 0.5) / support))
            }
            let sum = weights.reduce(0, +)
            return Window(
                first: first,
                weights: weights.map { Int32((($0 / sum) * Double(1 << fractionBits)).rounded()) })
        }
    }

    private static func rounded(_ sum: Int32) -> UInt8 {
        UInt8(clamping: (sum + 1 << (fractionBits - 1)) >> fractionBits)
    }

    /// - Parameter pixels: `[height, width, 3]` of the source.
    /// - Returns: `[height, width, 3]` of the target.
    func callAsFunction(_ pixels: UnsafeBufferPointer<UInt8>, _ compute: Compute) -> [UInt8] {
        let (lineLength, outputLength) = (source.width * 3, target.width * 3)
        return [UInt8](unsafeUninitializedCapacity: target.height * outputLength) { output, count in
            let output = output
            compute.pool.withScratch(of: UInt8.self, source.height * outputLength) { narrow in
                compute.workers.run(source.height, step: 16) { lines in
                    for y in lines {
                        let (line, out) = (pixels.baseAddress! + y * lineLength, narrow + y * outputLength)
                        for (x, window) in columns.enumerated() {
                            for channel in 0..<3 {
                                var sum: Int32 = 0
                                for (i, weight) in window.weights.enumerated() {
                                    sum += weight * Int32(line[(window.first + i) * 3 + channel])
                                }
                                out[x * 3 + channel] = Self.rounded(sum)
                            }
                        }
                    }
                }
                compute.workers.run(target.height, step: 16) { lines in
                    for y in lines {
                        let (window, out) = (rows[y], output.baseAddress! + y * outputLength)
                        for x in 0..<outputLength {
                            var sum: Int32 = 0
                            for (i, weight) in window.weights.enumerated() {
                                sum += weight * Int32(narrow[(window.first + i) * outputLength + x])
                            }
                            out[x] = Self.rounded(sum)
                        }
                    }
                }
            }
            count = target.height * outputLength
        }
    }
}
