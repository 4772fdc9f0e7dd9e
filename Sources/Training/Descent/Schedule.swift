import Foundation

/// The learning rate over the iterations: a linear warm-up (arXiv 1706.02677, section 2.2), then steps or a cosine.
///
/// The numbers are those of PyTorch's `LinearLR` chained with `MultiStepLR`, as torchvision's reference training has them, and
/// of `LinearLR` followed by `CosineAnnealingLR` over the iterations that are left.
public struct Schedule: Sendable, Equatable {
    /// How the rate falls.
    public enum Decay: Sendable, Equatable {
        /// Multiplied by the factor from each of the iterations on, which ascend.
        case steps([Int], factor: Double)
        /// Along half a cosine (arXiv 1608.03983, without restarts) that begins when the warm-up ends and is zero after the last iteration.
        case cosine
    }

    /// What the rate is after the warm-up.
    public var rate: Float
    /// Iterations of the training, 1 or more.
    public var iterations: Int
    /// Iterations of the warm-up; 0 for none.
    public var warmup: Int
    /// The part of the rate that iteration 0 has.
    public var warmupFactor = 0.001
    public var decay: Decay

    /// A warm-up of a tenth of the iterations, but 1,000 at most, then a tenth of the rate after 8/13 of them and again
    /// after 11/13, as in torchvision's 26 epochs with steps at 16 and 22.
    public init(rate: Float, iterations: Int) {
        self.rate = rate
        self.iterations = iterations
        warmup = min(1000, iterations / 10)
        // Quotient and remainder apart: their products stay within what iterations can be.
        let steps = [8, 11].map { iterations / 13 * $0 + iterations % 13 * $0 / 13 }
        decay = .steps(steps.filter { $0 > 0 }, factor: 0.1)
    }

    /// - Parameter iteration: From 0.
    public func rate(at iteration: Int) -> Float {
        let isWarm = iteration >= warmup
        var part = isWarm ? 1 : warmupFactor + (1 - warmupFactor) * Double(iteration) / Double(warmup)
        switch decay {
        case .steps(let steps, let factor):
            for _ in steps.prefix(while: { $0 <= iteration }) { part *= factor }
        case .cosine where isWarm:
            let gone = Double(iteration - warmup) / Double(max(1, iterations - warmup))
            part *= (1 + cos(.pi * min(1, gone))) / 2
        case .cosine: break
        }
        return Float(Double(rate) * part)
    }
}
