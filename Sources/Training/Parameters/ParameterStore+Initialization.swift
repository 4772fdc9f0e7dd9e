import Foundation
import RandomNumbers
import Tensors

extension ParameterStore {
    /// Gives every parameter the distribution that torchvision's models begin with (He et al. 2015, arXiv 1502.01852, for most).
    ///
    /// - Parameter skips: Tells the names that keep their values, such as those that were loaded.
    public func initialize(seed: UInt64, except skips: (String) -> Bool = { _ in false }) {
        for (number, parameter) in parameters.enumerated() where !skips(parameter.name) {
            // Each has numbers of its own, so that a change of one part leaves the others as they were.
            var random = SplitMix64(seed: seed, part: 2, UInt64(number))
            parameter.set(Self.initial(parameter, using: &random))
        }
    }

    private static func initial(_ parameter: Parameter, using random: inout SplitMix64) -> [Float] {
        let (name, shape) = (parameter.name, parameter.shape)
        let count = shape.reduce(1, *)
        func constant(_ value: Float) -> [Float] { [Float](repeating: value, count: count) }
        func normal(_ deviation: Double) -> [Float] { (0..<count).map { _ in Float(deviation * random.normal()) } }
        func uniform(_ bound: Double) -> [Float] {
            (0..<count).map { _ in Float(bound * (2 * random.uniform() - 1)) }
        }
        if name.hasSuffix("running_var") { return constant(1) }
        if name.hasSuffix("running_mean") { return constant(0) }
        let isMatrix = shape.count > 1
        // A normalisation's factors.
        if !isMatrix && name.hasSuffix("weight") { return constant(1) }
        if name.hasPrefix("roi_heads.box"), shape.count <= 2 {
            // A fully connected layer's, whose bias begins at 0.
            return isMatrix ? uniform(1 / Double(shape[1]).squareRoot()) : constant(0)
        }
        guard isMatrix else { return constant(0) }
        let area = shape.dropFirst(2).reduce(1, *)
        let (inputs, outputs) = (Double(shape[1] * area), Double(shape[0] * area))
        if name.hasPrefix("rpn.") { return normal(0.01) }
        if name.hasPrefix("backbone.fpn") { return uniform((3 / inputs).squareRoot()) }
        return normal((2 / outputs).squareRoot())
    }
}
