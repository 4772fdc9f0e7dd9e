import Testing

@testable import Tensors

/// Normalisation and its gradients against the definition in double precision.
@Suite struct NormalizationGradientTests {
    struct Case: CustomTestStringConvertible, Sendable {
        /// `[pictures, height, width, channels]`.
        var shape: [Int]
        /// Of channels in a picture; nil for the batch.
        var groups: Int?
        var relu = false
        var residual = false
        /// What the values are about.
        var offset: Float = 0

        var kind: NormalizedValues.Kind { groups.map { .group(groups: $0) } ?? .batch }
        var testDescription: String {
            "\(shape) \(groups.map { "groups \($0)" } ?? "batch")\(relu ? " relu" : "")\(residual ? " residual" : "")"
                + " about \(offset)"
        }
    }

    private static let cases = [
        Case(shape: [2, 5, 6, 17]), Case(shape: [3, 7, 4, 40], relu: true),
        Case(shape: [2, 4, 9, 16], relu: true, residual: true), Case(shape: [1, 3, 3, 8], residual: true),
        Case(shape: [3, 20, 31, 24], relu: true), Case(shape: [2, 1, 1, 19], relu: true), Case(shape: [6, 7, 7, 1]),
        Case(shape: [2, 9, 8, 20], relu: true, offset: 30),
        Case(shape: [2, 5, 6, 40], groups: 5), Case(shape: [3, 7, 4, 17], groups: 1, relu: true),
        Case(shape: [2, 20, 31, 32], groups: 32, relu: true, residual: true), Case(shape: [4, 1, 1, 24], groups: 3),
        Case(shape: [5, 6, 12], groups: 4, relu: true), Case(shape: [5, 6, 12], relu: true),
    ]

    private let compute = Compute(threads: 2)
    private static let epsilon: Float = 1e-5

    /// `activation(normalised * weight + bias + residual)`, from the definition.
    private func normalized(
        _ input: [Double], _ weight: [Double], _ bias: [Double], _ residual: [Double]?, _ c: Case
    ) -> [Double] {
        let channels = c.shape[c.shape.count - 1]
        let pictures = c.shape.count == 4 ? c.shape[0] : 1
        let pictureSize = input.count / pictures
        let groupSize = c.groups.map { channels / $0 } ?? 1
        func set(of place: Int) -> Int {
            let channel = place % channels
            return c.groups.map { place / pictureSize * $0 + channel / groupSize } ?? channel
        }
        let sets = c.groups.map { pictures * $0 } ?? channels
        var (counts, means) = ([Double](repeating: 0, count: sets), [Double](repeating: 0, count: sets))
        var variances = means
        for place in input.indices {
            counts[set(of: place)] += 1
            means[set(of: place)] += input[place]
        }
        for index in means.indices { means[index] /= counts[index] }
        for place in input.indices {
            let centered = input[place] - means[set(of: place)]
            variances[set(of: place)] += centered * centered / counts[set(of: place)]
        }
        return input.indices.map { place in
            let (own, channel) = (set(of: place), place % channels)
            let value =
                (input[place] - means[own]) / (variances[own] + Double(Self.epsilon)).squareRoot() * weight[channel]
                + bias[channel] + (residual?[place] ?? 0)
            return c.relu ? max(value, 0) : value
        }
    }

    private struct Sample {
        var input, weight, bias, residual, gradient: Tensor

        init(_ c: Case, seed: UInt64) {
            var numbers = SeededNumbers(seed: seed)
            let count = c.shape.reduce(1, *)
            let channels = [c.shape[c.shape.count - 1]]
            input = Tensor(numbers.floats(count, in: -1...1).map { $0 + c.offset }, shape: c.shape)
            (weight, bias) = (
                Tensor(numbers.floats(channels[0], in: 0.5...1.5), shape: channels), numbers.tensor(channels)
            )
            (residual, gradient) = (numbers.tensor(c.shape), numbers.tensor(c.shape))
        }
    }

    private func normalized(_ sample: Sample, _ c: Case) -> NormalizedValues {
        compute.normalization(
            sample.input, c.kind, weight: sample.weight, bias: sample.bias, epsilon: Self.epsilon,
            activation: c.relu ? .relu : .none, adding: c.residual ? sample.residual : nil)
    }

    private func doubles(_ tensor: Tensor) -> [Double] { tensor.elements.map(Double.init) }

    @Test(arguments: cases) func `values are normalised as defined`(_ c: Case) {
        let sample = Sample(c, seed: 61)
        let found = normalized(sample, c).output
        let expected = normalized(
            doubles(sample.input), doubles(sample.weight), doubles(sample.bias),
            c.residual ? doubles(sample.residual) : nil, c)
        #expect(found.shape == c.shape)
        // Rounding of values of the offset's size, over a deviation of 0.6; values with the deviation 0 are rounding times 300.
        let tolerance = 1e-5 * Double(1 + c.offset)
        for (a, b) in zip(found.elements, expected) { #expect(abs(Double(a) - b) <= tolerance) }
    }

    @Test(arguments: cases) func `the gradients are the slopes of the definition`(_ c: Case) {
        let sample = Sample(c, seed: 62)
        var numbers = SeededNumbers(seed: 63)
        let values = normalized(sample, c)
        let (masked, _) = compute.activationGradient(
            sample.gradient, output: c.relu ? values.output : nil, scale: nil, keepsUnscaled: false)
        let (weightGradient, biasGradient) = (compute.zeros(sample.weight.shape), compute.zeros(sample.bias.shape))
        let inputGradient = compute.normalizationGradient(
            masked, input: sample.input, values, weight: sample.weight, weightGradient: weightGradient,
            biasGradient: biasGradient)
        #expect(inputGradient.shape == c.shape)

        let residual = c.residual ? doubles(sample.residual) : nil
        let (input, weight, bias) = (doubles(sample.input), doubles(sample.weight), doubles(sample.bias))
        let factors = doubles(sample.gradient)
        func loss(_ outputs: [Double]) -> Double { zip(outputs, factors).reduce(0) { $0 + $1.0 * $1.1 } }
        func moved(_ values: [Double], _ direction: Tensor, _ step: Double) -> [Double] {
            zip(values, direction.elements).map { $0 + step * Double($1) }
        }
        func slope(_ gradient: Tensor, _ direction: Tensor) -> (Double, Double) {
            let (a, b) = (gradient.elements, direction.elements)
            return (GradientCheck.product(a, b), GradientCheck.typical(a, b))
        }
        // A small gradient is what is left of terms as large as the gradient of the output.
        let terms = GradientCheck.typical(sample.gradient.elements, sample.gradient.elements)
        let tolerance = 3e-5 * Double(1 + c.offset)

        let direction = numbers.tensor(c.shape)
        let (found, scale) = slope(inputGradient, direction)
        GradientCheck.expectSlope(found, scale: max(scale, terms), tolerance: tolerance, "input") {
            loss(normalized(moved(input, direction, $0), weight, bias, residual, c))
        }
        let columns = numbers.tensor(sample.weight.shape)
        for (name, gradient) in [("weight", weightGradient), ("bias", biasGradient)] {
            let (found, scale) = slope(gradient, columns)
            GradientCheck.expectSlope(found, scale: max(scale, terms), tolerance: tolerance, "\(name)") {
                name == "weight"
                    ? loss(normalized(input, moved(weight, columns, $0), bias, residual, c))
                    : loss(normalized(input, weight, moved(bias, columns, $0), residual, c))
            }
        }
    }

    @Test func `the statistics of a batch are its mean and biased variance`() {
        var numbers = SeededNumbers(seed: 64)
        let (rows, channels) = (2 * 30 * 25, 17)
        let input = Tensor(numbers.floats(rows * channels, in: 2...5), shape: [2, 30, 25, channels])
        let values = compute.normalization(
            input, .batch, weight: numbers.tensor([channels]), bias: numbers.tensor([channels]), epsilon: 1e-3,
            activation: .none)
        let (means, variances) = (values.batchMeans.elements, values.batchVariances(epsilon: 1e-3))
        for channel in 0..<channels {
            let own = (0..<rows).map { Double(input.elements[$0 * channels + channel]) }
            let mean = own.reduce(0, +) / Double(rows)
            let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)
            // A few roundings of numbers of this size.
            #expect(abs(Double(means[channel]) - mean) <= 2e-6 * mean)
            #expect(abs(Double(variances[channel]) - variance) <= 1e-5 * variance)
        }
    }

    @Test func `values that are all the same become the shift, and have no gradient`() {
        var numbers = SeededNumbers(seed: 65)
        let input = Tensor([Float](repeating: 0.75, count: 3 * 4 * 5), shape: [1, 3, 4, 5])
        let (weight, bias) = (numbers.tensor([5]), numbers.tensor([5]))
        let values = compute.normalization(
            input, .batch, weight: weight, bias: bias, epsilon: Self.epsilon, activation: .none)
        for (place, value) in values.output.elements.enumerated() {
            // The mean of few equal values is exact, their product with the factor is not.
            #expect(abs(value - bias.elements[place % 5]) <= 1e-4)
        }
        let gradient = compute.normalizationGradient(
            Tensor([Float](repeating: 1, count: 60), shape: [1, 3, 4, 5]), input: input, values, weight: weight,
            weightGradient: nil, biasGradient: nil)
        // What is left of terms of one over the root of epsilon, which is 316.
        #expect(gradient.elements.allSatisfy { abs($0) <= 1e-3 })
    }

    @Test func `no values are normalised to none`() {
        var numbers = SeededNumbers(seed: 66)
        let input = Tensor([], shape: [0, 4, 4, 8])
        let (weight, bias) = (numbers.tensor([8]), numbers.tensor([8]))
        for kind in [NormalizedValues.Kind.batch, .group(groups: 2)] {
            let values = compute.normalization(
                input, kind, weight: weight, bias: bias, epsilon: Self.epsilon, activation: .relu)
            let target = compute.zeros([8])
            let gradient = compute.normalizationGradient(
                input, input: input, values, weight: weight, weightGradient: target, biasGradient: target)
            #expect(values.output.shape == input.shape && gradient.shape == input.shape)
            #expect(target.elements.allSatisfy { $0 == 0 })
        }
    }

    @Test func `neither values nor gradients depend on the number of threads`() {
        let c = Case(shape: [2, 40, 33, 40], relu: true)
        let sample = Sample(c, seed: 67)
        let results = [1, 2, 3].map { threads -> [[Float]] in
            let compute = Compute(threads: threads)
            let values = compute.normalization(
                sample.input, .batch, weight: sample.weight, bias: sample.bias, epsilon: Self.epsilon, activation: .relu
            )
            let (weight, bias) = (compute.zeros([40]), compute.zeros([40]))
            let gradient = compute.normalizationGradient(
                sample.gradient, input: sample.input, values, weight: sample.weight, weightGradient: weight,
                biasGradient: bias)
            return [values.output.elements, gradient.elements, weight.elements, bias.elements]
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
