import Foundation
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
    /// Boxes with a smaller side are dropped, pixels.
    private static let leastSide: Float = 1e-2

    public init(_ configuration: ModelConfiguration.BoxHead) {
        self.configuration = configuration
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
        categories: Set<Int>? = nil
    ) -> [Detection] {
        let classes = head.logits.shape[1]
        let labelsWanted = (1..<classes).filter { categories?.contains($0) ?? true }
        let threshold = threshold ?? configuration.scoreThreshold
        var (boxes, scores, labels) = ([Box](), [Float](), [Int]())
        head.logits.withElements { logits in
            head.deltas.withElements { deltas in
                var probabilities = [Float](repeating: 0, count: classes)
                for (index, proposal) in proposals.enumerated() {
                    Self.softmax(logits[(index * classes)..<((index + 1) * classes)], &probabilities)
                    for label in labelsWanted where probabilities[label] > threshold {
                        let d = (index * classes + label) * 4
                        let box = BoxCoder.detections.decode(
                            deltas[d], deltas[d + 1], deltas[d + 2], deltas[d + 3], proposal
                        ).clipped(to: size)
                        guard box.width >= Self.leastSide, box.height >= Self.leastSide else { continue }
                        boxes.append(box)
                        scores.append(probabilities[label])
                        labels.append(label)
                    }
                }
            }
        }
        let kept = NonMaximumSuppression.suppress(
            boxes, scores: scores, groups: labels, threshold: configuration.nmsThreshold,
            limit: configuration.detectionsPerImage)
        return kept.map { Detection(box: boxes[$0], label: labels[$0], score: scores[$0]) }
    }

    private static func softmax(_ logits: Slice<UnsafeBufferPointer<Float>>, _ probabilities: inout [Float]) {
        let greatest = logits.max() ?? 0
        var sum: Float = 0
        for (i, logit) in logits.enumerated() {
            probabilities[i] = exp(logit - greatest)
            sum += probabilities[i]
        }
        for i in probabilities.indices { probabilities[i] /= sum }
    }
}
