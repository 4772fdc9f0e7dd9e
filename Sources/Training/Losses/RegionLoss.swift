import Instances
import MaskRCNN
import Tensors

/// What the heads of regions are told: class, box and mask of each (Girshick 2015, equation 1; He et al. 2017, section 3).
struct RegionLoss {
    /// A region of a picture, and what it shows.
    struct Sample {
        var picture: Int
        /// In the network's input.
        var box: Box
        /// The class; 0 for background.
        var label: Int
        /// The object that it stands for, among its picture's; nil for background.
        var object: Int?
    }

    /// Computes the losses of classes and boxes and gives the head's outputs their gradients.
    ///
    /// - Parameters:
    ///   - head: Its outputs for the samples, in their order.
    ///   - objects: The known objects' boxes of each picture, in the network's input.
    ///   - scale: What gradients are multiplied by.
    func boxes(
        _ head: BoxHead.Output<Variable>, samples: [Sample], objects: [[Box]], scale: Float, _ compute: Compute
    ) -> (classes: Double, boxes: Double) {
        guard !samples.isEmpty else { return (0, 0) }
        let classes = head.logits.value.shape[1]
        let factor = scale / Float(samples.count)
        let logitsGradient = compute.pool.tensor(head.logits.value.shape)
        let deltasGradient = compute.zeros(head.deltas.value.shape)
        var (classLoss, boxLoss) = (0.0, 0.0)
        head.logits.value.withElements { logits in
            logitsGradient.withMutableElements { gradient in
                for (row, sample) in samples.enumerated() {
                    let range = row * classes..<(row + 1) * classes
                    classLoss += LossFunctions.crossEntropy(
                        UnsafeBufferPointer(rebasing: logits[range]), label: sample.label, factor: factor,
                        gradient: UnsafeMutableBufferPointer(rebasing: gradient[range]))
                }
            }
        }
        head.deltas.value.withElements { deltas in
            deltasGradient.withMutableElements { gradient in
                for (row, sample) in samples.enumerated() {
                    guard let object = sample.object else { continue }
                    let target = BoxCoder.detections.encode(objects[sample.picture][object], from: sample.box)
                    let place = (row * classes + sample.label) * 4
                    for (offset, wanted) in [target.dx, target.dy, target.dw, target.dh].enumerated() {
                        let (loss, derivative) = LossFunctions.smoothL1(deltas[place + offset] - wanted)
                        boxLoss += loss
                        gradient[place + offset] = derivative * factor
                    }
                }
            }
        }
        head.logits.add(logitsGradient, compute)
        head.deltas.add(deltasGradient, compute)
        return (classLoss / Double(samples.count), boxLoss / Double(samples.count))
    }

    /// Computes the masks' loss and gives the logits their gradient.
    ///
    /// - Parameters:
    ///   - logits: Of each sample's own class, `[samples, side, side]`.
    ///   - samples: Those that stand for objects.
    ///   - target: Draws what a sample is to show, `[side, side]`.
    ///   - scale: What gradients are multiplied by.
    func masks(
        _ logits: Variable, samples: [Sample], scale: Float, _ compute: Compute,
        target: (Sample, UnsafeMutablePointer<Float>) -> Void
    ) -> Double {
        let gradient = compute.pool.tensor(logits.value.shape)
        let area = logits.value.count / max(1, samples.count)
        let factor = scale / Float(max(1, logits.value.count))
        var losses = [Double](repeating: 0, count: samples.count)
        logits.value.withElements { values in
            gradient.withMutableElements { gradient in
                losses.withUnsafeMutableBufferPointer { losses in
                    compute.workers.run(samples.count) { index in
                        let wanted = gradient.baseAddress! + index * area
                        target(samples[index], wanted)
                        for pixel in 0..<area {
                            let (loss, derivative) = LossFunctions.binaryCrossEntropy(
                                logit: values[index * area + pixel], target: wanted[pixel])
                            losses[index] += loss
                            wanted[pixel] = derivative * factor
                        }
                    }
                }
            }
        }
        logits.add(gradient, compute)
        return losses.reduce(0, +) / Double(max(1, logits.value.count))
    }
}
