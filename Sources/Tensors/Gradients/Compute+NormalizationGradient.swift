extension Compute {
    /// The gradient of `normalization` with respect to its input; those of weight and bias are added to.
    ///
    /// - Parameters:
    ///   - gradient: Before the activation, of the input's shape.
    ///   - input: What was normalised.
    public func normalizationGradient(
        _ gradient: Tensor, input: Tensor, _ values: NormalizedValues, weight: Tensor, weightGradient: Tensor?,
        biasGradient: Tensor?
    ) -> Tensor {
        let (means, inverse) = (values.means, values.inverseDeviations)
        let shape = means.shape
        // The sums of each channel's gradients, and of their products with the normalised values.
        let (sums, products) = (zeros(shape), zeros(shape))
        addColumnSums(gradient, to: sums)
        addCenteredProducts(gradient, input, means: means, to: products)
        everyChannel(shape) { _, place in products.pointer[place] *= inverse.pointer[place] }
        if let biasGradient { addColumnSums(sums, to: biasGradient) }
        if let weightGradient { addColumnSums(products, to: weightGradient) }
        everyChannel(shape) { channel, place in
            sums.pointer[place] *= weight.pointer[channel]
            products.pointer[place] *= weight.pointer[channel]
        }
        averageGroups(of: sums, values.kind, of: input)
        averageGroups(of: products, values.kind, of: input)
        let (factors, inputFactors, shifts) = (pool.tensor(shape), pool.tensor(shape), pool.tensor(shape))
        everyChannel(shape) { channel, place in
            let deviation = inverse.pointer[place]
            factors.pointer[place] = deviation * weight.pointer[channel]
            inputFactors.pointer[place] = -deviation * deviation * products.pointer[place]
            shifts.pointer[place] =
                -deviation * sums.pointer[place] - inputFactors.pointer[place] * means.pointer[place]
        }
        let output = pool.tensor(input.shape)
        combineColumns(gradient, factors, input, inputFactors, shifts: shifts, .none, into: output)
        return output
    }
}
