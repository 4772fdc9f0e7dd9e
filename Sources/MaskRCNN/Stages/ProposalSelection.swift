import Instances
import Tensors

/// Makes proposals of the proposal head's outputs (torchvision's `RegionProposalNetwork.filter_proposals`).
public struct ProposalSelection: Sendable {
    /// Proposals, by descending score.
    public struct Proposals: Sendable {
        /// In the network's input, pixels.
        public var boxes: [Box] = []
        /// Objectness: 0...1 under torchvision's rules, logits under Detectron2's.
        public var scores: [Float] = []
    }

    private let configuration: ModelConfiguration.Proposals
    private let rules: ModelConfiguration.Rules
    /// Boxes with a smaller side are dropped, pixels.
    private let leastSide: Float

    public init(_ configuration: ModelConfiguration.Proposals, rules: ModelConfiguration.Rules = .torchvision) {
        self.configuration = configuration
        self.rules = rules
        // Detectron2 drops what has no side.
        leastSide = rules == .torchvision ? 1e-3 : .leastNonzeroMagnitude
    }

    /// - Parameters:
    ///   - heads: The head's outputs by level.
    ///   - anchors: The anchors by level, in the outputs' order.
    ///   - size: What boxes are clipped to: the picture in the network's input without padding.
    /// - Returns: The proposals of one picture.
    public func callAsFunction(
        _ heads: [ProposalHead.Output<Tensor>], anchors: [[Box]], size: ImageTransform.Size, _ compute: Compute
    ) -> Proposals {
        var levels = [Proposals](repeating: Proposals(), count: heads.count)
        let (limit, threshold) = (configuration.postNmsTopN, configuration.nmsThreshold)
        levels.withUnsafeMutableBufferPointer { levels in
            compute.workers.run(levels.count) { levels[$0] = best(heads[$0], anchors: anchors[$0], size: size) }
        }
        guard levels.lazy.map(\.boxes.count).reduce(0, +) > NonMaximumSuppression.mostBoxesAtOnce else {
            let (boxes, scores) = (levels.flatMap(\.boxes), levels.flatMap(\.scores))
            let groups = levels.indices.flatMap { Array(repeating: $0, count: levels[$0].boxes.count) }
            let kept = NonMaximumSuppression.suppress(
                boxes, scores: scores, groups: groups, threshold: threshold, limit: limit)
            return Proposals(boxes: kept.map { boxes[$0] }, scores: kept.map { scores[$0] })
        }
        levels.withUnsafeMutableBufferPointer { levels in
            compute.workers.run(levels.count) { number in
                let level = levels[number]
                let kept = NonMaximumSuppression.suppress(
                    level.boxes, scores: level.scores, threshold: threshold, limit: limit)
                levels[number] = Proposals(boxes: kept.map { level.boxes[$0] }, scores: kept.map { level.scores[$0] })
            }
        }
        return Self.merge(levels, limit: limit)
    }

    /// The best of one level, clipped, by descending logit.
    private func best(
        _ head: ProposalHead.Output<Tensor>, anchors: [Box], size: ImageTransform.Size
    ) -> Proposals {
        head.objectness.withElements { objectness in
            head.deltas.withElements { deltas in
                let places = Ranking.best(configuration.preNmsTopN, of: objectness)
                let references = places.map { anchors[$0] }
                let gathered = [Float](unsafeUninitializedCapacity: 4 * places.count) { gathered, count in
                    for (index, place) in places.enumerated() {
                        for i in 0..<4 { gathered[4 * index + i] = deltas[4 * place + i] }
                    }
                    count = 4 * places.count
                }
                var scores = places.map { objectness[$0] }
                // Logits have an order where probabilities are all rounded to 1; torchvision suppresses by the latter.
                if rules == .torchvision { scores.withUnsafeMutableBufferPointer { BoxKernels.sigmoid($0) } }
                let boxes = [Box](unsafeUninitializedCapacity: places.count) { boxes, count in
                    guard let base = boxes.baseAddress else { return }
                    references.withUnsafeBufferPointer {
                        BoxCoder.proposals.decode(gathered, $0, size: size, into: base)
                    }
                    // The small ones go, the others move together.
                    for index in places.indices {
                        let box = boxes[index]
                        guard box.width >= leastSide, box.height >= leastSide else { continue }
                        (boxes[count], scores[count]) = (box, scores[index])
                        count += 1
                    }
                }
                scores.removeLast(scores.count - boxes.count)
                return Proposals(boxes: boxes, scores: scores)
            }
        }
    }

    /// The best of all levels; of equal scores the finer level's comes first.
    private static func merge(_ levels: [Proposals], limit: Int) -> Proposals {
        var merged = Proposals()
        var next = [Int](repeating: 0, count: levels.count)
        while merged.boxes.count < limit {
            var best: Int?
            for level in levels.indices where next[level] < levels[level].scores.count {
                if let known = best, !(levels[level].scores[next[level]] > levels[known].scores[next[known]]) {
                    continue
                }
                best = level
            }
            guard let best else { break }
            merged.boxes.append(levels[best].boxes[next[best]])
            merged.scores.append(levels[best].scores[next[best]])
            next[best] += 1
        }
        return merged
    }
}
