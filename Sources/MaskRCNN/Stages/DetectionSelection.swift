import Instances
import Tensors

/// Makes detections of the box head's outputs (torchvision's `RoIHeads.postprocess_detections`).
public struct DetectionSelection: Sendable {
    /// A detected object before its mask.
    public struct Detection: Sendable, Equatable {
        /// In the network's input, pixels.
        public var box: Box
        /// Its class in the heads' outputs, 1 or more.
        public var label: Int
        /// The class's probability, 0...1.
        public var score: Float
    }

    private let configuration: ModelConfiguration.BoxHead
    /// Boxes with a smaller side are dropped, pixels; nil where all stay.
    private let leastSide: Float?
    /// Boxes that a thread decodes at once.
    private static let decodedAtOnce = 1024

    public init(_ configuration: ModelConfiguration.BoxHead, rules: ModelConfiguration.Rules = .torchvision) {
        self.configuration = configuration
        leastSide = rules == .torchvision ? 1e-2 : nil
    }

    /// - Parameters:
    ///   - proposals: The regions that the head looked at, in its outputs' order.
    ///   - size: The picture in the network's input without padding.
    ///   - threshold: The score that a detection must exceed; the model's own where nil.
    ///   - categories: The classes to look for; all where nil. Left out before suppression, which is by class, so that others take no
    ///     places among the best.
    /// - Returns: Detections by descending score.
    public func callAsFunction(
        _ head: BoxHead.Output<Tensor>, proposals: [Box], size: ImageTransform.Size, threshold: Float? = nil,
        categories: Set<Int>? = nil, _ compute: Compute
    ) -> [Detection] {
        let classes = head.logits.shape[1]
        let labels = (1..<max(classes, 1)).filter { categories?.contains($0) ?? true }
        let threshold = threshold ?? configuration.scoreThreshold
        let most = proposals.count * labels.count
        var found: [Detection] = []
        // Which outputs, their scores and their boxes: with a threshold of 0 these are many.
        let pool = compute.pool
        pool.withScratch(of: UInt32.self, most) { places in
            pool.withScratch(of: Float.self, most) { scores in
                pool.withScratch(of: Box.self, most) { boxes in
                    var count = 0
                    compute.softmax(head.logits).withElements { probabilities in
                        for row in 0..<proposals.count {
                            for label in labels where probabilities[row * classes + label] > threshold {
                                scores[count] = probabilities[row * classes + label]
                                places[count] = UInt32(row * classes + label)
                                count += 1
                            }
                        }
                    }
                    decode(head.deltas, places, count: count, classes, proposals, size, into: boxes, compute)
                    count = dropSmall(places, scores, boxes, count: count)
                    found = NonMaximumSuppression.suppress(
                        UnsafeBufferPointer(start: boxes, count: count),
                        scores: UnsafeBufferPointer(start: scores, count: count),
                        threshold: configuration.nmsThreshold, limit: configuration.detectionsPerImage
                    ) { Int(places[$0]) % classes }
                    .map { Detection(box: boxes[$0], label: Int(places[$0]) % classes, score: scores[$0]) }
                }
            }
        }
        return found
    }

    /// The boxes of the outputs at some places, `row * classes + label`.
    private func decode(
        _ deltas: Tensor, _ places: UnsafePointer<UInt32>, count: Int, _ classes: Int, _ proposals: [Box],
        _ size: ImageTransform.Size, into boxes: UnsafeMutablePointer<Box>, _ compute: Compute
    ) {
        deltas.withElements { deltas in
            compute.workers.run(count, step: Self.decodedAtOnce) { range in
                withUnsafeTemporaryAllocation(of: Box.self, capacity: range.count) { references in
                    withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * range.count) { gathered in
                        for (index, number) in range.enumerated() {
                            let place = Int(places[number])
                            references[index] = proposals[place / classes]
                            for i in 0..<4 { gathered[4 * index + i] = deltas[4 * place + i] }
                        }
                        BoxCoder.detections.decode(
                            gathered.baseAddress!, UnsafeBufferPointer(references), size: size,
                            into: boxes + range.lowerBound)
                    }
                }
            }
        }
    }

    /// Moves together what has no side that is too small; returns how many there are.
    private func dropSmall(
        _ places: UnsafeMutablePointer<UInt32>, _ scores: UnsafeMutablePointer<Float>,
        _ boxes: UnsafeMutablePointer<Box>, count: Int
    ) -> Int {
        var left = 0
        for index in 0..<count {
            let box = boxes[index]
            // Not a number is below every side.
            let isLarge = leastSide.map { box.width >= $0 && box.height >= $0 } ?? (box.width >= 0 && box.height >= 0)
            guard isLarge else { continue }
            (places[left], scores[left], boxes[left]) = (places[index], scores[index], box)
            left += 1
        }
        return left
    }
}
