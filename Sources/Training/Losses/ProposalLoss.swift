import Instances
import MaskRCNN
import Tensors

/// What the proposal head is told: which anchors are objects, and where these are (Ren et al. 2015, equation 1).
struct ProposalLoss {
    /// What is asked of one picture's anchors.
    struct Sample {
        /// Places among the anchors of all levels, in their order.
        var places: [Int]
        /// Of all anchors.
        var matches: [BoxMatcher.Match]
        /// The known objects' boxes, in the network's input.
        var objects: [Box]
    }

    /// The anchors by level.
    let anchors: [[Box]]

    /// Computes the two losses and gives the head's outputs their gradients.
    ///
    /// - Parameters:
    ///   - heads: The head's outputs by level, of a batch.
    ///   - samples: One a picture.
    ///   - scale: What gradients are multiplied by.
    func callAsFunction(
        _ heads: [ProposalHead.Output<Variable>], samples: [Sample], scale: Float, _ compute: Compute
    ) -> (objectness: Double, boxes: Double) {
        let count = max(1, samples.reduce(0) { $0 + $1.places.count })
        let factor = scale / Float(count)
        var starts = [0]
        for level in anchors { starts.append(starts[starts.count - 1] + level.count) }
        let gradients = heads.map { (compute.zeros($0.objectness.value.shape), compute.zeros($0.deltas.value.shape)) }
        var (objectness, boxes) = (0.0, 0.0)
        for (picture, sample) in samples.enumerated() {
            for place in sample.places {
                // The last level that begins at or before it.
                let level = starts.lastIndex { $0 <= place } ?? 0
                let (local, index) = (place - starts[level], picture * anchors[level].count + place - starts[level])
                let match = sample.matches[place]
                heads[level].objectness.value.withElements { logits in
                    let (loss, derivative) = LossFunctions.binaryCrossEntropy(
                        logit: logits[index], target: match == .background ? 0 : 1)
                    objectness += loss
                    gradients[level].0.withMutableElements { $0[index] = derivative * factor }
                }
                guard case .object(let object) = match else { continue }
                let target = BoxCoder.proposals.encode(sample.objects[object], from: anchors[level][local])
                heads[level].deltas.value.withElements { deltas in
                    gradients[level].1.withMutableElements { gradient in
                        for (offset, wanted) in [target.dx, target.dy, target.dw, target.dh].enumerated() {
                            let (loss, derivative) = LossFunctions.smoothL1(deltas[4 * index + offset] - wanted)
                            boxes += loss
                            gradient[4 * index + offset] = derivative * factor
                        }
                    }
                }
            }
        }
        for (head, gradient) in zip(heads, gradients) {
            head.objectness.add(gradient.0, compute)
            head.deltas.add(gradient.1, compute)
        }
        return (objectness / Double(count), boxes / Double(count))
    }
}
