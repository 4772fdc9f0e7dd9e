import CKernels

// The transposes of fully connected layers, of transposed convolutions and of single outputs of a layer.
extension Compute {
    /// The weights of a fully connected layer, laid out for products from the other side: a layer with them takes gradients of outputs
    /// to gradients of inputs.
    ///
    /// - Parameter rows: `[inputs, outputs]`; of a transposed convolution, `[inputs, 4 * outputs]`.
    public func transposedWeights(_ rows: Tensor) -> LinearWeights {
        let (inputs, outputs) = (rows.shape[0], rows.shape[1])
        let turned = pool.tensor([outputs, inputs])
        workers.run(inputs, step: 64) { range in
            ck_transpose(
                rows.pointer + range.lowerBound * outputs, range.count, outputs, turned.pointer + range.lowerBound,
                inputs)
        }
        return LinearWeights(rows: turned, bias: nil, compute: self)
    }

    /// The four outputs of each pixel of a transposed convolution beside each other, as its product had them:
    /// `[pictures, 2 * height, 2 * width, outputs]` to `[pictures * height * width, 4 * outputs]`.
    public func deconvolutionWindows(_ output: Tensor) -> Tensor {
        let (channels, width) = (output.channels, output.width / 2)
        let lines = output.pictures * output.height / 2
        let windows = pool.tensor([lines * width, 4 * channels])
        workers.run(lines, step: max(1, 20_000 / max(1, 4 * width * channels))) { range in
            for line in range {
                for x in 0..<width {
                    let target = windows.pointer + (line * width + x) * 4 * channels
                    for half in 0..<2 {
                        let source = output.pointer + ((2 * line + half) * 2 * width + 2 * x) * channels
                        (target + half * 2 * channels).update(from: source, count: 2 * channels)
                    }
                }
            }
        }
        return windows
    }

    /// The gradients of `selectedLogits`: that of the input is returned, those of weights `[outputs, inputs]` and bias `[outputs]` are
    /// added to.
    ///
    /// - Parameters:
    ///   - gradient: `[pictures, height, width]`.
    ///   - input: `[pictures, height, width, inputs]`.
    ///   - rows: Which output each picture had.
    public func selectedLogitsGradient(
        _ gradient: Tensor, input: Tensor, weights: Tensor, rows: [Int], weightGradient: Tensor?, biasGradient: Tensor?
    ) -> Tensor {
        let (inputs, area) = (input.channels, input.height * input.width)
        let output = pool.tensor(input.shape)
        let sums = pool.tensor([rows.count, inputs])
        var biasSums = [Float](repeating: 0, count: rows.count)
        biasSums.withUnsafeMutableBufferPointer { biasSums in
            workers.run(rows.count) { index in
                let weight = weights.pointer + rows[index] * inputs
                let sum = sums.pointer + index * inputs
                sum.update(repeating: 0, count: inputs)
                for pixel in index * area..<(index + 1) * area {
                    let factor = gradient.pointer[pixel]
                    let target = output.pointer + pixel * inputs
                    target.update(repeating: 0, count: inputs)
                    ck_add_values(weight, inputs, factor, target)
                    ck_add_values(input.pointer + pixel * inputs, inputs, factor, sum)
                    biasSums[index] += factor
                }
            }
        }
        for (index, row) in rows.enumerated() {
            if let weightGradient {
                ck_add_values(sums.pointer + index * inputs, inputs, 1, weightGradient.pointer + row * inputs)
            }
            biasGradient?.pointer[row] += biasSums[index]
        }
        return output
    }
}
