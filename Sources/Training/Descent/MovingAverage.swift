import Tensors

/// An exponential moving average of the parameters, which often answers better than the parameters themselves (Polyak and Juditsky 1992).
public final class MovingAverage {
    /// The part that a step leaves of what was before, once so many steps have been taken that it counts.
    public let decay: Double
    /// Steps taken.
    public internal(set) var steps: Int
    private let compute: Compute
    /// The averages in each parameter's own order.
    let averages: [(parameter: Parameter, value: Tensor)]

    /// Begins with the parameters as they are.
    public init(_ parameters: ParameterStore, decay: Double, steps: Int = 0, _ compute: Compute) {
        self.decay = decay
        self.steps = steps
        self.compute = compute
        averages = parameters.parameters.map { parameter in
            let copy = Tensor(zeros: parameter.value.shape)
            compute.add(parameter.value, to: copy)
            return (parameter, copy)
        }
    }

    /// Takes the parameters of a step into account.
    public func update() {
        steps += 1
        // At first the average is of few steps.
        let kept = min(decay, Double(1 + steps) / Double(10 + steps))
        for (parameter, value) in averages {
            compute.mix(parameter.value, part: Float(1 - kept), into: value)
        }
    }

    /// Takes over an average in a checkpoint's order.
    public func set(_ values: [Float], of name: String) {
        guard let entry = averages.first(where: { $0.parameter.name == name }) else { return }
        entry.parameter.set(values, in: entry.value)
    }
}
