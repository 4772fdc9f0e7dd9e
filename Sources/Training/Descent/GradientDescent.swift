import Tensors

/// Stochastic gradient descent with momentum and weight decay, as PyTorch's `SGD` takes it.
public final class GradientDescent {
    public let momentum: Float
    public let weightDecay: Float
    private let compute: Compute
    private let learning: [(parameter: Parameter, gradient: Tensor, velocity: Tensor)]

    public init(_ parameters: ParameterStore, momentum: Float, weightDecay: Float, _ compute: Compute) {
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.compute = compute
        learning = parameters.parameters.compactMap { parameter in
            parameter.gradient.map { (parameter, $0, Tensor(zeros: $0.shape)) }
        }
    }

    /// The length of all gradients together.
    public var gradientNorm: Double {
        learning.reduce(0) { $0 + compute.sumOfSquares($1.gradient) }.squareRoot()
    }

    /// Takes a step, and forgets the gradients.
    ///
    /// - Parameters:
    ///   - rate: The learning rate.
    ///   - factor: What gradients are multiplied by, such as one that cuts their norm.
    public func step(rate: Float, factor: Float = 1) {
        for (parameter, gradient, velocity) in learning {
            compute.momentumStep(
                parameter.value, gradient: gradient, velocity: velocity, rate: rate, momentum: momentum,
                decay: weightDecay, factor: factor)
        }
    }

    /// What each parameter was last moved by, in the parameter's own order.
    var velocities: [(parameter: Parameter, velocity: Tensor)] { learning.map { ($0.parameter, $0.velocity) } }

    /// Takes over a velocity in a checkpoint's order.
    public func setVelocity(_ values: [Float], of name: String) {
        guard let entry = learning.first(where: { $0.parameter.name == name }) else { return }
        entry.parameter.set(values, in: entry.velocity)
    }
}
