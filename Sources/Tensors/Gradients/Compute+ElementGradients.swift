import CKernels

// What goes element by element or column by column.
extension Compute {
    /// The gradient before an activation and a scale of each column.
    ///
    /// - Parameters:
    ///   - gradient: `[..., columns]`.
    ///   - output: The activation's output where that is a ReLU; nil for none.
    ///   - scale: `[columns]`; nil for none.
    ///   - keepsUnscaled: Whether the gradient before the activation alone is needed, too.
    /// - Returns: The gradient before both, and, where asked for, that before the activation alone.
    public func activationGradient(
        _ gradient: Tensor, output: Tensor?, scale: Tensor?, keepsUnscaled: Bool
    ) -> (scaled: Tensor, unscaled: Tensor?) {
        guard output != nil || scale != nil else { return (gradient, keepsUnscaled ? gradient : nil) }
        let columns = gradient.channels
        let masked = keepsUnscaled && output != nil ? pool.tensor(gradient.shape) : nil
        let scaled = scale != nil || masked == nil ? pool.tensor(gradient.shape) : nil
        forRows(gradient) { _, rows in
            let place = rows.lowerBound * columns
            ck_activation_gradient(
                gradient.pointer + place, output.map { $0.pointer + place }, scale?.pointer, rows.count, columns,
                masked.map { $0.pointer + place }, scaled.map { $0.pointer + place })
        }
        let unscaled = keepsUnscaled ? masked ?? gradient : nil
        return (scaled ?? unscaled!, unscaled)
    }

    /// `sums += factor * values`, element by element.
    public func add(_ values: Tensor, times factor: Float = 1, to sums: Tensor) {
        precondition(values.count == sums.count, "as many values")
        workers.run(values.count, step: 1 << 16) { range in
            ck_add_values(
                values.pointer + range.lowerBound, range.count, factor, sums.pointer + range.lowerBound)
        }
    }

    /// `target += part * (values - target)`, element by element.
    public func mix(_ values: Tensor, part: Float, into target: Tensor) {
        precondition(values.count == target.count, "as many values")
        workers.run(values.count, step: 1 << 16) { range in
            let (from, to) = (values.pointer + range.lowerBound, target.pointer + range.lowerBound)
            for index in 0..<range.count { to[index] += part * (from[index] - to[index]) }
        }
    }

    /// Sets every element to zero.
    func clear(_ tensor: Tensor) {
        workers.run(tensor.count, step: 1 << 18) { range in
            (tensor.pointer + range.lowerBound).update(repeating: 0, count: range.count)
        }
    }

    /// The columns of each part of `[parts, ..., columns]`, such as a convolution's groups, each multiplied by a number of its own.
    ///
    /// - Parameter factors: `parts * columns`; as many as columns where all is one part.
    public func scaledColumns(_ values: Tensor, _ factors: [Float]) -> Tensor {
        let columns = values.channels
        precondition(
            columns > 0 && factors.count % columns == 0 && values.count % factors.count == 0, "a factor a column")
        let output = pool.tensor(values.shape)
        let scale = Tensor(factors, shape: [factors.count])
        forRows(values, blocks: factors.count / columns) { part, rows in
            let place = rows.lowerBound * columns
            ck_activation_gradient(
                values.pointer + place, nil, scale.pointer + part * columns, rows.count, columns, nil,
                output.pointer + place)
        }
        return output
    }

    /// The sum of squares, in double precision; the same whatever the number of threads.
    public func sumOfSquares(_ values: Tensor) -> Double {
        let step = 1 << 16
        var partial = [Double](repeating: 0, count: values.count.parts(of: step))
        partial.withUnsafeMutableBufferPointer { partial in
            workers.run(values.count, step: step) { range in
                partial[range.lowerBound / step] = ck_sum_of_squares(values.pointer + range.lowerBound, range.count)
            }
        }
        return partial.reduce(0, +)
    }

    /// A step of gradient descent with momentum: `velocity = momentum * velocity + factor * gradient + decay * values`,
    /// `values -= rate * velocity`, as PyTorch's SGD has it. The gradient becomes zero.
    public func momentumStep(
        _ values: Tensor, gradient: Tensor, velocity: Tensor, rate: Float, momentum: Float, decay: Float, factor: Float
    ) {
        precondition(values.count == gradient.count && values.count == velocity.count, "as many values")
        workers.run(values.count, step: 1 << 16) { range in
            var step = ck_momentum(rate: rate, momentum: momentum, decay: decay, factor: factor)
            let place = range.lowerBound
            ck_momentum_step(
                values.pointer + place, gradient.pointer + place, velocity.pointer + place, range.count, &step)
        }
    }
}
