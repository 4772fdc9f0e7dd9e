import Testing

@testable import Tensors

/// Comparisons of gradients with the maps that they belong to.
enum GradientCheck {
    /// The inner product, in double precision.
    static func product(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    /// What an inner product of independent numbers of these sizes is about.
    static func typical(_ a: [Float], _ b: [Float]) -> Double {
        (product(a, a) * product(b, b) / Double(max(1, a.count))).squareRoot()
    }

    /// Expects `<weights, A(x)> == <transpose(A)(weights), x>`, where A is linear in x, or its slope at x is A itself, as of a maximum.
    ///
    /// A bound relative to what the product typically is sees a single wrong element among many thousand: rounding errors have random
    /// signs, and average out. Those of Winograd's transforms are some 3e-6 of an element.
    static func expectTranspose(
        of output: Tensor, _ weights: [Float], _ input: [Float], gradient: [Float], tolerance: Double = 3e-5,
        _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(output.count == weights.count && gradient.count == input.count, comment, sourceLocation: sourceLocation)
        let forwards = product(weights, output.elements)
        let backwards = product(gradient, input)
        let bound = tolerance * max(typical(weights, output.elements), typical(gradient, input))
        #expect(abs(forwards - backwards) <= bound, comment, sourceLocation: sourceLocation)
    }

    /// Expects the slope of `function` at 0, by central differences in double precision, to be `slope`.
    ///
    /// - Parameters:
    ///   - scale: What the slope's size may be.
    ///   - tolerance: Of it; the differences themselves are exact to some 1e-9.
    static func expectSlope(
        _ slope: Double, scale: Double, tolerance: Double = 3e-5, _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation, of function: (Double) -> Double
    ) {
        let step = 1e-6
        let expected = (function(step) - function(-step)) / (2 * step)
        #expect(abs(slope - expected) <= tolerance * scale, comment, sourceLocation: sourceLocation)
    }
}

extension SeededNumbers {
    /// A tensor of numbers in -1...1.
    mutating func tensor(_ shape: [Int]) -> Tensor {
        Tensor(floats(shape.reduce(1, *), in: -1...1), shape: shape)
    }
}
