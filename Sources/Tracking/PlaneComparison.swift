/// Compares luma planes of one size with a reference.
///
/// Planes are compared in blocks of 4x4 samples that overlap by half, so that whatever is up to three samples wide lies in one of
/// them as a whole. A block has changed where its mean absolute difference is greater than what noise makes of blocks, by a threshold
/// and by more than as much again. The noise is what the quieter third of the blocks has, as far as it does not leap up, since the
/// whole of a picture may move.
struct PlaneComparison: Sendable {
    let width: Int
    let height: Int
    /// Cells of 2x2 samples, of which a block has 2x2. An odd last column or row is left out.
    private let columns: Int
    private let rows: Int
    private var reference: [UInt8]
    /// The reference in cells of 4x4 samples, by which light is judged.
    private var referenceLight: [Int32]
    /// The mean luma of the plane before, since light is judged by how fast it changes.
    private var lastMean = 0.0
    /// What noise makes of blocks, as learnt so far, luma.
    private var noise: Double?
    // Kept so that no comparison takes memory.
    private var cells: [Int32]
    private var light: [Int32]
    private var rowSums: [Int32]
    private var blocks: [Int32]
    private var histogram: [Int32]

    /// The part of the blocks that counts as quiet.
    private static let quietPart = 0.3
    /// Noise is at most this, luma.
    private static let greatestNoise = 8.0
    /// What the quiet blocks have in common is taken for noise up to so many times what was learnt: noise does not leap up as
    /// motion in the whole picture does.
    private static let noiseLeap = 1.5
    /// The parts of a difference by which the noise follows upwards and downwards, a plane.
    private static let (noiseRise, noiseFall) = (0.002, 0.2)
    /// How far beyond the noise a block must be, over the noise. The mean of 16 differences is so far off once in 10⁸ times.
    private static let noiseMargin = 1.7
    /// The samples of a block.
    private static let blockArea = 16
    /// From one plane to the next, luma: as much as lamps flicker at the mains' frequency, and less than a lamp that is switched.
    private static let suddenLight = 24.0

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        (columns, rows) = (width / 2, height / 2)
        reference = [UInt8](repeating: 0, count: width * height)
        referenceLight = [Int32](repeating: 0, count: (columns / 2) * (rows / 2))
        light = referenceLight
        cells = [Int32](repeating: 0, count: columns * rows)
        rowSums = [Int32](repeating: 0, count: width)
        blocks = [Int32](repeating: 0, count: max(0, columns - 1) * max(0, rows - 1))
        histogram = [Int32](repeating: 0, count: 256 * Self.blockArea)
    }

    /// Makes a plane the reference.
    mutating func refer(to luma: [UInt8]) {
        precondition(luma.count == reference.count, "planes of one size")
        reference = luma
        sumSamples(luma)
        swap(&referenceLight, &light)
        lastMean = mean(of: referenceLight)
    }

    /// Whether a plane differs from the reference by more than noise and slow light; always, where planes are too small for a block.
    ///
    /// - Parameters:
    ///   - threshold: Luma, 0...255.
    ///   - area: The part of the picture that must have changed, 0...1; one block is needed in any case.
    mutating func differs(_ luma: [UInt8], threshold: Double, area: Double) -> Bool {
        precondition(luma.count == reference.count, "planes of one size")
        guard !blocks.isEmpty else { return true }
        sumSamples(luma)
        let mean = mean(of: light)
        defer { lastMean = mean }
        guard abs(mean - lastMean) <= Self.suddenLight else { return true }
        sumDifferences(luma, LightChange(from: referenceLight, to: light))
        sumBlocks()
        let noise = learnNoise(quietDifference())
        let limit = min(255, noise + max(threshold, Self.noiseMargin * noise)) * Double(Self.blockArea)
        let limitSum = Int32(limit.rounded())
        var changed = 0
        for sum in blocks where sum > limitSum { changed += 1 }
        return changed >= max(1, Int((area * Double(blocks.count)).rounded()))
    }

    /// Takes in what the quiet blocks have in common and returns how much of it is noise.
    private mutating func learnNoise(_ measured: Double) -> Double {
        let measured = min(measured, Self.greatestNoise)
        guard let known = noise else {
            noise = measured
            return measured
        }
        noise = known + (measured - known) * (measured > known ? Self.noiseRise : Self.noiseFall)
        return min(measured, max(known * Self.noiseLeap, known + 0.5))
    }

    private func mean(of light: [Int32]) -> Double {
        var sum = 0
        for cell in light { sum += Int(cell) }
        return Double(sum) / Double(LightChange.cellArea * max(1, light.count))
    }

    private mutating func sumSamples(_ luma: [UInt8]) {
        luma.withUnsafeBufferPointer { luma in
            for row in 0..<rows {
                let (upper, lower) = (2 * row * width, (2 * row + 1) * width)
                rowSums.withUnsafeMutableBufferPointer { sums in
                    for x in 0..<width { sums[x] = Int32(luma[upper + x]) &+ Int32(luma[lower + x]) }
                }
                Self.sumPairs(rowSums, into: &cells, row: row, columns: columns)
            }
        }
        let (lightColumns, lightRows) = (columns / 2, rows / 2)
        cells.withUnsafeBufferPointer { cells in
            light.withUnsafeMutableBufferPointer { light in
                for row in 0..<lightRows {
                    let (upper, lower) = (2 * row * columns, (2 * row + 1) * columns)
                    for x in 0..<lightColumns {
                        light[row * lightColumns + x] =
                            (cells[upper + 2 * x] &+ cells[upper + 2 * x + 1])
                            &+ (cells[lower + 2 * x] &+ cells[lower + 2 * x + 1])
                    }
                }
            }
        }
    }

    private mutating func sumDifferences(_ luma: [UInt8], _ light: LightChange) {
        let (gain, offset) = (light.gain, light.offset)
        luma.withUnsafeBufferPointer { luma in
            reference.withUnsafeBufferPointer { reference in
                for row in 0..<rows {
                    let (upper, lower) = (2 * row * width, (2 * row + 1) * width)
                    rowSums.withUnsafeMutableBufferPointer { sums in
                        for x in 0..<width {
                            let a = Int32(luma[upper + x]) &- light.expected(reference[upper + x], gain, offset)
                            let b = Int32(luma[lower + x]) &- light.expected(reference[lower + x], gain, offset)
                            sums[x] = max(a, 0 &- a) &+ max(b, 0 &- b)
                        }
                    }
                    Self.sumPairs(rowSums, into: &cells, row: row, columns: columns)
                }
            }
        }
    }

    private static func sumPairs(
        _ sums: [Int32], into cells: inout [Int32], row: Int, columns: Int
    ) {
        sums.withUnsafeBufferPointer { sums in
            cells.withUnsafeMutableBufferPointer { cells in
                for column in 0..<columns { cells[row * columns + column] = sums[2 * column] &+ sums[2 * column + 1] }
            }
        }
    }

    private mutating func sumBlocks() {
        cells.withUnsafeBufferPointer { cells in
            blocks.withUnsafeMutableBufferPointer { blocks in
                for row in 0..<(rows - 1) {
                    let (upper, lower) = (row * columns, (row + 1) * columns)
                    for x in 0..<(columns - 1) {
                        blocks[row * (columns - 1) + x] =
                            (cells[upper + x] &+ cells[upper + x + 1]) &+ (cells[lower + x] &+ cells[lower + x + 1])
                    }
                }
            }
        }
    }

    /// The mean difference that the quiet part of the blocks stays below, luma.
    private mutating func quietDifference() -> Double {
        histogram.withUnsafeMutableBufferPointer { histogram in
            histogram.update(repeating: 0)
            for sum in blocks { histogram[min(Int(sum), histogram.count - 1)] &+= 1 }
        }
        var rest = Int(Self.quietPart * Double(blocks.count))
        for (sum, count) in histogram.enumerated() {
            if rest < Int(count) { return Double(sum) / Double(Self.blockArea) }
            rest -= Int(count)
        }
        return 255
    }
}
