import Tensors

/// Resizes 8-bit pictures as Pillow's `Image.resize` with `BILINEAR` does: a triangle filter that is as wide as a pixel of the smaller
/// picture, first along rows, then along columns, each result rounded to 8 bits.
struct PictureResampling {
    private let source: ImageTransform.Size
    private let target: ImageTransform.Size
    private let columns: Filter
    private let rows: Filter

    /// By pixel of the target's row or column, the neighbouring pixels that it is made of, with weights in units of 2^-22.
    private struct Filter {
        struct Window: BitwiseCopyable {
            /// The first pixel of the source.
            var first: Int
            var count: Int
            /// The first weight's place.
            var place: Int
        }

        private(set) var windows: [Window] = []
        private(set) var weights: [Int32] = []

        static let fractionBits = 22

        init(_ length: Int, _ outputLength: Int) {
            let scale = Double(length) / Double(outputLength)
            let support = max(scale, 1)
            windows.reserveCapacity(outputLength)
            weights.reserveCapacity(outputLength * (2 * Int(support.rounded(.up)) + 1))
            for index in 0..<outputLength {
                let center = (Double(index) + 0.5) * scale
                let first = max(0, Int(center - support + 0.5))
                let end = min(length, Int(center + support + 0.5))
                func height(_ place: Int) -> Double { max(0, 1 - abs((Double(place) - center + 0.5) / support)) }
                let sum = (first..<end).reduce(0) { $0 + height($1) }
                windows.append(Window(first: first, count: end - first, place: weights.count))
                for place in first..<end {
                    weights.append(Int32((height(place) / sum * Double(1 << Self.fractionBits)).rounded()))
                }
            }
        }

        /// Reads windows and weights without a count of references, which threads would take turns at.
        func withElements(_ body: (UnsafeBufferPointer<Window>, UnsafePointer<Int32>) -> Void) {
            windows.withUnsafeBufferPointer { windows in
                weights.withUnsafeBufferPointer { weights in
                    if let base = weights.baseAddress { body(windows, base) }
                }
            }
        }

        @inline(__always)
        static func rounded(_ sum: Int32) -> UInt8 {
            UInt8(clamping: (sum + 1 << (fractionBits - 1)) >> fractionBits)
        }
    }

    init(from source: ImageTransform.Size, to target: ImageTransform.Size) {
        self.source = source
        self.target = target
        columns = Filter(source.width, target.width)
        rows = Filter(source.height, target.height)
    }

    /// Calls `body` with the resized picture, `[height, width, 3]`, which is valid only inside.
    ///
    /// - Parameter pixels: `[height, width, 3]` of the source.
    func callAsFunction(
        _ pixels: UnsafeBufferPointer<UInt8>, _ compute: Compute, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        guard let base = pixels.baseAddress else { return }
        let outputLength = target.width * 3
        compute.pool.withScratch(of: UInt8.self, target.height * outputLength) { output in
            compute.pool.withScratch(of: UInt8.self, source.height * outputLength) { narrow in
                resizeRows(base, into: narrow, compute)
                resizeColumns(narrow, into: output, compute)
            }
            body(UnsafeBufferPointer(start: output, count: target.height * outputLength))
        }
    }

    private func resizeRows(
        _ pixels: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>, _ compute: Compute
    ) {
        columns.withElements { windows, weights in
            compute.workers.run(source.height, step: 16) { lines in
                for y in lines {
                    var out = output + y * windows.count * 3
                    for window in windows {
                        var (red, green, blue): (Int32, Int32, Int32) = (0, 0, 0)
                        var pixel = pixels + (y * source.width + window.first) * 3
                        for i in window.place..<window.place + window.count {
                            red &+= weights[i] &* Int32(pixel[0])
                            green &+= weights[i] &* Int32(pixel[1])
                            blue &+= weights[i] &* Int32(pixel[2])
                            pixel += 3
                        }
                        out[0] = Filter.rounded(red)
                        out[1] = Filter.rounded(green)
                        out[2] = Filter.rounded(blue)
                        out += 3
                    }
                }
            }
        }
    }

    private func resizeColumns(
        _ pixels: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>, _ compute: Compute
    ) {
        let length = target.width * 3
        rows.withElements { windows, weights in
            compute.workers.run(target.height, step: 16) { lines in
                for y in lines {
                    let (window, out) = (windows[y], output + y * length)
                    for x in 0..<length {
                        var sum: Int32 = 0
                        for i in 0..<window.count {
                            sum &+= weights[window.place + i] &* Int32(pixels[(window.first + i) * length + x])
                        }
                        out[x] = Filter.rounded(sum)
                    }
                }
            }
        }
    }
}
