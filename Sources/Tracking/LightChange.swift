/// How the light of a whole picture has changed from one plane to another: by a gain and an offset.
///
/// Dusk, automatic exposure and flickering lamps are like that. The two are fitted to the cells that they explain, by least squares
/// in rounds that leave out what fits badly, so that what moves counts for nothing. The first round goes by the
/// offset alone: a gain could explain away a bright object that has left a plain background.
struct LightChange: Sendable {
    /// What samples are multiplied by, 256ths.
    private(set) var gain: Int32 = 256
    /// What is added to them, 256ths of luma.
    private(set) var offset: Int32 = 0

    private static let rounds = 3
    /// A cell fits badly from so many times the mean misfit.
    private static let outlier = 2.5
    /// And from this misfit, luma.
    private static let leastOutlier = 1.0
    /// Gains beyond these are left to be seen as motion.
    private static let gains = 0.8...1.25
    /// The variance of a plane's luma below which it says nothing of a gain.
    private static let leastVariance = 25.0

    /// Samples in a cell.
    static let cellArea = 16

    /// Fits the change to the planes' cells, each the sum of its samples.
    init(from old: [Int32], to new: [Int32]) {
        var moments = Moments()
        moments.add(old, new, self, limit: .max)
        set(gain: 1, moments)
        for _ in 0..<Self.rounds {
            let misfit = meanMisfit(old, new)
            let limit = max(Self.leastOutlier, Self.outlier * misfit) * Double(Self.cellArea)
            moments = Moments()
            moments.add(old, new, self, limit: Int32(min(limit, 1e6)))
            guard moments.count > 0 else { return }
            // Drawn towards 1 where there is little to go by.
            let pull = Self.leastVariance * Double(Self.cellArea * Self.cellArea)
            let gain = (moments.covariance + pull) / (moments.variance + pull)
            set(gain: min(max(gain, Self.gains.lowerBound), Self.gains.upperBound), moments)
        }
    }

    private mutating func set(gain: Double, _ moments: Moments) {
        self.gain = Int32((gain * 256).rounded())
        let offset = (moments.newMean - gain * moments.oldMean) / Double(Self.cellArea)
        self.offset = Int32((offset * 256).rounded())
    }

    /// The luma that a sample should have now. Gain and offset are given back to it so that loops keep them in registers.
    @inline(__always)
    func expected(_ sample: UInt8, _ gain: Int32, _ offset: Int32) -> Int32 {
        (Int32(sample) &* gain &+ offset &+ 128) &>> 8
    }
}

extension LightChange {
    /// Sums over the cells of one round.
    private struct Moments {
        var count = 0
        private var old = 0
        private var new = 0
        private var oldOld = 0
        private var oldNew = 0

        /// As many cells as 32 bits can sum the products of.
        private static let chunk = 128

        var oldMean: Double { count > 0 ? Double(old) / Double(count) : 0 }
        var newMean: Double { count > 0 ? Double(new) / Double(count) : 0 }
        var variance: Double { count > 0 ? Double(oldOld) / Double(count) - oldMean * oldMean : 0 }
        var covariance: Double { count > 0 ? Double(oldNew) / Double(count) - oldMean * newMean : 0 }

        /// Adds the cells that `light` explains up to `limit`.
        mutating func add(_ old: [Int32], _ new: [Int32], _ light: LightChange, limit: Int32) {
            old.withUnsafeBufferPointer { old in
                new.withUnsafeBufferPointer { new in
                    for start in stride(from: 0, to: old.count, by: Self.chunk) {
                        add(old, new, start..<min(start + Self.chunk, old.count), light, limit)
                    }
                }
            }
        }

        private mutating func add(
            _ old: UnsafeBufferPointer<Int32>, _ new: UnsafeBufferPointer<Int32>, _ range: Range<Int>,
            _ light: LightChange, _ limit: Int32
        ) {
            var (count, oldSum, newSum, oldOldSum, oldNewSum) = (Int32(0), Int32(0), Int32(0), Int32(0), Int32(0))
            for index in range {
                let (x, y) = (old[index], new[index])
                let fits: Int32 = light.misfit(x, y) <= limit ? 1 : 0
                count &+= fits
                oldSum &+= fits &* x
                newSum &+= fits &* y
                oldOldSum &+= fits &* x &* x
                oldNewSum &+= fits &* x &* y
            }
            self.count += Int(count)
            self.old += Int(oldSum)
            self.new += Int(newSum)
            oldOld += Int(oldOldSum)
            oldNew += Int(oldNewSum)
        }
    }

    /// How far a cell's new sum is from the expected one.
    @inline(__always)
    private func misfit(_ old: Int32, _ new: Int32) -> Int32 {
        let difference = new &- ((old &* gain &+ Int32(Self.cellArea) &* offset &+ 128) &>> 8)
        return max(difference, 0 &- difference)
    }

    /// The mean misfit of the cells, luma.
    private func meanMisfit(_ old: [Int32], _ new: [Int32]) -> Double {
        var sum = 0
        old.withUnsafeBufferPointer { old in
            new.withUnsafeBufferPointer { new in
                var chunk: Int32 = 0
                for index in old.indices { chunk &+= misfit(old[index], new[index]) }
                sum = Int(chunk)
            }
        }
        return Double(sum) / Double(Self.cellArea * max(1, old.count))
    }
}
