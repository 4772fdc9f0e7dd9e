import Foundation
import Instances
import Tensors

/// Makes proposals of the proposal head's outputs (torchvision's `RegionProposalNetwork.filter_proposals`).
public struct ProposalSelection: Sendable {
    /// Proposals of one picture, by descending score.
    public struct Proposals: Sendable {
        /// In the network's input, pixels.
        public var boxes: [Box]
        /// Objectness, 0...1.
        public var scores: [Float]
    }

    private let configuration: ModelConfiguration.Proposals
    /// Boxes with a smaller side are dropped, pixels.
    private static let leastSide: Float = 1e-3

    public init(_ configuration: ModelConfiguration.Proposals) {
        self.configuration = configuration
    }

    /// - Parameters:
    ///   - heads: The head's outputs by level.
    ///   - anchors: The anchors by level, in the outputs' order.
    ///   - size: What boxes are clipped to: the picture in the network's input without padding.
    public func callAsFunction(
        _ heads: [ProposalHead.Output<Tensor>], anchors: [[Box]], size: ImageTransform.Size
    ) -> Proposals {
        var (boxes, logits, levels) = ([Box](), [Float](), [Int]())
        for (level, head) in heads.enumerated() {
            head.objectness.withElements { objectness in
                head.deltas.withElements { deltas in
                    for index in Self.best(configuration.preNmsTopN, of: objectness) {
                        let box = BoxCoder.proposals.decode(
                            deltas[4 * index], deltas[4 * index + 1], deltas[4 * index + 2], deltas[4 * index + 3],
                            anchors[level][index]
                        ).clipped(to: size)
                        guard box.width >= Self.leastSide, box.height >= Self.leastSide else { continue }
                        boxes.append(box)
                        logits.append(objectness[index])
                        levels.append(level)
                    }
                }
            }
        }
        let scores = logits.map { 1 / (1 + exp(-$0)) }
        let kept = NonMaximumSuppression.suppress(
            boxes, scores: scores, groups: levels, threshold: configuration.nmsThreshold,
            limit: configuration.postNmsTopN)
        return Proposals(boxes: kept.map { boxes[$0] }, scores: kept.map { scores[$0] })
    }

    /// The places of the greatest values, greatest first.
    private static func best(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [Int] {
        guard values.count > count else { return NonMaximumSuppression.descending(Array(values)) }
        // Only what can be among the best is sorted.
        let least = kthLargest(count, values)
        var (candidates, places) = ([Float](), [Int]())
        for (place, value) in values.enumerated() where value >= least {
            candidates.append(value)
            places.append(place)
        }
        return NonMaximumSuppression.descending(candidates).prefix(count).map { places[$0] }
    }

    /// The k-th largest value, by fixing its ordered bits eight at a time.
    private static func kthLargest(_ k: Int, _ values: UnsafeBufferPointer<Float>) -> Float {
        // The bits of floats order like whole numbers once negative ones are flipped.
        func key(_ value: Float) -> UInt32 {
            let bits = value.bitPattern
            return bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
        }
        var (prefix, mask, rank) = (UInt32(0), UInt32(0), k)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            var histogram = [Int](repeating: 0, count: 256)
            for value in values where key(value) & mask == prefix { histogram[Int(key(value) >> shift & 0xff)] += 1 }
            var digit = 255
            while histogram[digit] < rank {
                rank -= histogram[digit]
                digit -= 1
            }
            prefix |= UInt32(digit) << shift
            mask |= 0xff << shift
        }
        return Float(bitPattern: prefix & 0x8000_0000 != 0 ? prefix & 0x7fff_ffff : ~prefix)
    }
}
