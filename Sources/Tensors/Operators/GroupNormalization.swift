import CKernels

/// The parameters of a group normalisation (Wu and He 2018, arXiv 1803.08494).
public struct GroupNormalization: Sendable {
    public let groups: Int
    /// What is added to the variances before the root is taken.
    public let epsilon: Float
    /// By channel.
    let scales: [Float]
    let shifts: [Float]

    /// - Parameters:
    ///   - scales: `[channels]`, a multiple of `groups`.
    ///   - shifts: `[channels]`.
    public init(scales: [Float], shifts: [Float], groups: Int, epsilon: Float = 1e-5) {
        precondition(
            scales.count == shifts.count && scales.count.isMultiple(of: groups), "whole groups of channels")
        self.groups = groups
        self.epsilon = epsilon
        self.scales = scales
        self.shifts = shifts
    }
}

extension Compute {
    /// Normalises every picture's groups of channels: `activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual)`.
    ///
    /// - Parameters:
    ///   - input: `[height, width, channels]`, or `[pictures, height, width, channels]`. Consumed: the result is written over it.
    ///   - residual: What is added before the activation, of the input's shape.
    public func groupNormalized(
        _ input: consuming Tensor, _ normalization: GroupNormalization, activation: Activation = .none,
        adding residual: Tensor? = nil
    ) -> Tensor {
        let map = input
        let channels = map.channels
        precondition(channels == normalization.scales.count, "a scale a channel")
        precondition(residual == nil || residual!.count == map.count, "the residual has the map's shape")
        guard map.count > 0 else { return map }
        let (pictures, area) = (map.pictures, map.height * map.width)
        // Pieces that are large enough to be worth the double-precision sums that each leaves.
        let step = max(64, area.parts(of: 4 * workers.count))
        let blocks = area.parts(of: step)

        /// Calls `body` with a picture, its block and the block's pixels.
        func everyBlock(_ body: (_ picture: Int, _ block: Int, _ pixels: Range<Int>) -> Void) {
            workers.run(pictures * blocks) { piece in
                let first = piece % blocks * step
                body(piece / blocks, piece % blocks, first..<min(first + step, area))
            }
        }
        pool.withScratch(of: Double.self, pictures * blocks * channels) { sums in
            pool.withScratch(3 * pictures * channels) { memory in
                // The groups' means, then what the channels are multiplied by, and what is added.
                let (means, scales) = (memory, memory + pictures * channels)
                let shifts = scales + pictures * channels
                func sum(about centers: UnsafeMutablePointer<Float>?) {
                    everyBlock { picture, block, pixels in
                        let into = sums + (picture * blocks + block) * channels
                        into.update(repeating: 0, count: channels)
                        ck_channel_sums(
                            map.pointer(picture: picture) + pixels.lowerBound * channels, pixels.count, channels,
                            centers.map { $0 + picture * channels }, into)
                    }
                }
                /// Calls `body` with a picture's group of channels and the mean of what was summed of it.
                func everyGroup(_ body: (_ picture: Int, _ channels: Range<Int>, _ mean: Double) -> Void) {
                    let width = channels / normalization.groups
                    for picture in 0..<pictures {
                        for first in stride(from: 0, to: channels, by: width) {
                            var total = 0.0
                            for block in 0..<blocks {
                                for channel in first..<first + width {
                                    total += sums[(picture * blocks + block) * channels + channel]
                                }
                            }
                            body(picture, first..<first + width, total / Double(area * width))
                        }
                    }
                }
                sum(about: nil)
                everyGroup { picture, range, mean in
                    for channel in range { means[picture * channels + channel] = Float(mean) }
                }
                // About the means, since large ones would leave nothing of a small variance.
                sum(about: means)
                everyGroup { picture, range, variance in
                    let factor = 1 / (variance + Double(normalization.epsilon)).squareRoot()
                    for channel in range {
                        let place = picture * channels + channel
                        let scale = factor * Double(normalization.scales[channel])
                        scales[place] = Float(scale)
                        shifts[place] = Float(Double(normalization.shifts[channel]) - Double(means[place]) * scale)
                    }
                }
                everyBlock { picture, _, pixels in
                    let offset = (picture * area + pixels.lowerBound) * channels
                    ck_scale_channels(
                        map.pointer + offset, pixels.count, channels, scales + picture * channels,
                        shifts + picture * channels, residual.map { UnsafePointer($0.pointer + offset) },
                        activation == .relu ? 1 : 0)
                }
            }
        }
        return map
    }
}
