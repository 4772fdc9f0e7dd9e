import Foundation

/// Losses of single numbers, with their derivatives.
enum LossFunctions {
    /// Where smooth L1 turns from a parabola into a line, as torchvision has it.
    static let beta: Float = 1.0 / 9

    /// Smooth L1 (Girshick 2015, equation 3, with its bend at beta).
    static func smoothL1(_ difference: Float) -> (loss: Double, derivative: Float) {
        let size = abs(difference)
        return size < beta
            ? (Double(0.5 * difference * difference / beta), difference / beta)
            : (Double(size - 0.5 * beta), difference > 0 ? 1 : -1)
    }

    /// Binary cross-entropy of a logit, with a target of 0...1.
    static func binaryCrossEntropy(logit: Float, target: Float) -> (loss: Double, derivative: Float) {
        let (x, t) = (Double(logit), Double(target))
        // The logarithm of a small probability is not taken of the probability.
        let loss = max(x, 0) - x * t + log1p(exp(-abs(x)))
        return (loss, Float(1 / (1 + exp(-x)) - t))
    }

    /// Cross-entropy of a row of logits; the derivatives, times `factor`, are written to `gradient`.
    static func crossEntropy(
        _ logits: UnsafeBufferPointer<Float>, label: Int, factor: Float, gradient: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let most = Double(logits.max() ?? 0)
        var total = 0.0
        for logit in logits { total += exp(Double(logit) - most) }
        for index in logits.indices {
            let probability = exp(Double(logits[index]) - most) / total
            gradient[index] = Float(probability - (index == label ? 1 : 0)) * factor
        }
        return most + log(total) - Double(logits[label])
    }
}
