import Foundation
import Testing

@testable import Training

@Suite struct LossFunctionTests {
    /// A step that single precision represents, on either side of a number below 32.
    private let step: Float = 1 / 4096

    private func slope(_ x: Float, _ loss: (Float) -> Double) -> Double {
        (loss(x + step) - loss(x - step)) / Double(2 * step)
    }

    @Test(arguments: [-3, -0.5, -0.12, -0.1, -0.03, 0, 0.01, 0.1, 0.112, 0.5, 7] as [Float])
    func `smooth L1 is a parabola that becomes lines`(x: Float) {
        let (loss, derivative) = LossFunctions.smoothL1(x)
        let beta = 1.0 / 9
        let size = Double(abs(x))
        #expect(abs(loss - (size < beta ? 0.5 * size * size / beta : size - beta / 2)) <= 1e-6)
        // Losses are rounded to 1e-7 of up to 7, and divided by the step.
        #expect(abs(slope(x) { LossFunctions.smoothL1($0).loss } - Double(derivative)) <= 2e-3)
    }

    @Test(arguments: [-9, -2.5, -0.3, 0, 0.7, 4, 12] as [Float], [0, 0.25, 1] as [Float])
    func `binary cross-entropy is that of the logit's probability`(logit: Float, target: Float) {
        let (loss, derivative) = LossFunctions.binaryCrossEntropy(logit: logit, target: target)
        let (probability, t) = (1 / (1 + exp(-Double(logit))), Double(target))
        #expect(abs(loss + t * log(probability) + (1 - t) * log(1 - probability)) <= 1e-9)
        #expect(
            abs(
                slope(logit) { LossFunctions.binaryCrossEntropy(logit: $0, target: target).loss }
                    - Double(derivative)) <= 1e-6)
    }

    @Test func `sure logits have finite losses`() {
        #expect(LossFunctions.binaryCrossEntropy(logit: 5000, target: 0) == (5000, 1))
        #expect(LossFunctions.binaryCrossEntropy(logit: -5000, target: 1) == (5000, -1))
        #expect(LossFunctions.binaryCrossEntropy(logit: 5000, target: 1) == (0, 0))
        #expect(crossEntropy([5000, -5000, 0], label: 1).loss == 10_000)
        #expect(crossEntropy([5000, -5000, 0], label: 0) == (0, [0, 0, 0]))
    }

    private func crossEntropy(
        _ logits: [Float], label: Int, factor: Float = 1
    ) -> (loss: Double, gradient: [Float]) {
        var gradient = [Float](repeating: .nan, count: logits.count)
        let loss = logits.withUnsafeBufferPointer { logits in
            gradient.withUnsafeMutableBufferPointer {
                LossFunctions.crossEntropy(logits, label: label, factor: factor, gradient: $0)
            }
        }
        return (loss, gradient)
    }

    @Test(arguments: 0..<5) func `cross-entropy is the logarithm of the label's probability`(label: Int) {
        let logits: [Float] = [0.5, -1.25, 3, 2.75, -4]
        let (loss, gradient) = crossEntropy(logits, label: label, factor: 0.5)
        let total = logits.reduce(0.0) { $0 + exp(Double($1)) }
        #expect(abs(loss + log(exp(Double(logits[label])) / total)) <= 1e-9)
        for index in logits.indices {
            let expected = slope(logits[index]) { value in
                var moved = logits
                moved[index] = value
                return crossEntropy(moved, label: label).loss
            }
            #expect(abs(0.5 * expected - Double(gradient[index])) <= 1e-6)
        }
    }
}
