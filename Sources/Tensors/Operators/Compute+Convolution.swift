import CKernels

extension Compute {
    /// A convolution with bias, sum and activation: `activation(x * w + bias + residual)`.
    ///
    /// - Parameters:
    ///   - input: `[height, width, inputs]`, or `[pictures, height, width, inputs]`.
    ///   - residual: What is added before the activation, of the output's shape.
    /// - Returns: `[..., height', width', outputs]`.
    public func convolution(
        _ input: Tensor, _ weights: ConvolutionWeights, activation: Activation = .none, adding residual: Tensor? = nil
    ) -> Tensor {
        precondition(input.channels == weights.inputChannels, "the layer's input channels")
        let pictures = input.shape.dropLast(3).reduce(1, *)
        let (height, width) = (weights.outputSide(input.height), weights.outputSide(input.width))
        let output = pool.tensor(Array(input.shape.dropLast(3)) + [height, width, weights.outputChannels])
        precondition(residual == nil || residual!.count == output.count, "the residual has the output's shape")
        switch weights.algorithm {
        case .pointwise:
            multiplyPixels(input.pointer, rows: pictures * height * width, weights, activation, residual, output)
        case .winograd:
            convolveByWinograd(input, pictures: pictures, weights, activation, residual, output)
        case .unfolded:
            convolveUnfolded(input, pictures: pictures, weights, activation, residual, output)
        }
        return output
    }

    /// A fully connected layer: `activation(x * w + bias)`, `[rows, inputs]` to `[rows, outputs]`.
    ///
    /// Any shape whose elements after the first dimension are `inputs` will do.
    public func linear(_ input: Tensor, _ weights: LinearWeights, activation: Activation = .none) -> Tensor {
        let rows = input.shape[0]
        precondition(input.count == rows * weights.inputs, "the layer's inputs")
        let output = pool.tensor([rows, weights.outputs])
        multiply(
            input.pointer, rows: rows, inner: weights.inputs, columns: weights.outputs, weights.weights.pointer,
            output.pointer, bias: weights.bias, activation: activation)
        return output
    }

    private func multiplyPixels(
        _ input: UnsafeMutablePointer<Float>, rows: Int, _ weights: ConvolutionWeights, _ activation: Activation,
        _ residual: Tensor?, _ output: Tensor
    ) {
        multiply(
            input, rows: rows, inner: weights.inputChannels, columns: weights.outputChannels,
            weights.weights.pointer, output.pointer, bias: weights.bias, residual: residual, activation: activation)
    }

    /// A product cut over the threads, by rows where there are many and otherwise by columns.
    private func multiply(
        _ a: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int, _ b: UnsafeMutablePointer<Float>,
        _ c: UnsafeMutablePointer<Float>, bias: Tensor?, residual: Tensor? = nil, activation: Activation
    ) {
        // Packing the weights anew for every piece costs one row's worth of products each; 256 rows make that little,
        // and few enough pieces of a long product keep it so.
        let rowStep = max(256, inner >= 2048 ? (rows + workers.count - 1) / workers.count : 256)
        let byColumns = rows <= rowStep && columns >= 64 * workers.count
        let columnStep = byColumns ? (columns / workers.count + 31) / 32 * 32 : columns
        let columnPieces = (columns + columnStep - 1) / columnStep
        let rowPieces = (rows + rowStep - 1) / rowStep
        workers.run(rowPieces * columnPieces) { piece in
            let (row, column) = (piece / columnPieces * rowStep, piece % columnPieces * columnStep)
            let (height, width) = (min(rowStep, rows - row), min(columnStep, columns - column))
            let target = c + row * columns + column
            MatrixProduct.multiply(
                rows: height, columns: width, inner: inner, a: a + row * inner, aStride: inner, b: b + column,
                bStride: columns, c: target, cStride: columns)
            var epilogue = ck_epilogue(
                bias: bias.map { UnsafePointer($0.pointer + column) },
                residual: residual.map { UnsafePointer($0.pointer + row * columns + column) },
                relu: activation == .relu ? 1 : 0)
            ck_apply_epilogue(target, height, width, columns, &epilogue)
        }
    }

    private func convolveByWinograd(
        _ input: Tensor, pictures: Int, _ weights: ConvolutionWeights, _ activation: Activation, _ residual: Tensor?,
        _ output: Tensor
    ) {
        let (height, width) = (output.height, output.width)
        let (inputs, outputs) = (weights.inputChannels, weights.outputChannels)
        let tiles = ((height + 3) / 4) * ((width + 3) / 4)
        // As many tiles at once as leave both sides of the products in a processor's own cache, but not so few that
        // packing the weights anew for each block weighs.
        let budget = 1_500_000 / (36 * MemoryLayout<Float>.stride * (inputs + outputs))
        let fair = (pictures * tiles + workers.count - 1) / workers.count
        let step = min(tiles, max(48, min(budget, fair)))
        let blocks = (tiles + step - 1) / step
        workers.run(pictures * blocks) { piece in
            let (picture, first) = (piece / blocks, piece % blocks * step)
            let count = min(step, tiles - first)
            let transformed = pool.tensor([36, count, inputs])
            let products = pool.tensor([36, count, outputs])
            ck_winograd_input(
                input.pointer + picture * height * width * inputs, height, width, inputs, first, count,
                transformed.pointer)
            for point in 0..<36 {
                MatrixProduct.multiply(
                    rows: count, columns: outputs, inner: inputs, a: transformed.pointer + point * count * inputs,
                    aStride: inputs, b: weights.weights.pointer + point * inputs * outputs, bStride: outputs,
                    c: products.pointer + point * count * outputs, cStride: outputs)
            }
            let offset = picture * height * width * outputs
            var epilogue = ck_epilogue(
                bias: weights.bias.map { UnsafePointer($0.pointer) },
                residual: residual.map { UnsafePointer($0.pointer + offset) }, relu: activation == .relu ? 1 : 0)
            ck_winograd_output(
                products.pointer, height, width, outputs, first, count, &epilogue, output.pointer + offset)
        }
    }

    private func convolveUnfolded(
        _ input: Tensor, pictures: Int, _ weights: ConvolutionWeights, _ activation: Activation, _ residual: Tensor?,
        _ output: Tensor
    ) {
        let (outputs, groups) = (weights.outputChannels, weights.groups)
        let (groupInputs, groupOutputs) = (weights.inputChannels / groups, outputs / groups)
        let inner = weights.kernel * weights.kernel * groupInputs
        let pixels = output.height * output.width
        let step = min(pixels, max(64, min(1024, 1_000_000 / (inner * MemoryLayout<Float>.stride))))
        let blocks = (pixels + step - 1) / step
        workers.run(pictures * blocks) { piece in
            let (picture, first) = (piece / blocks, piece % blocks * step)
            let count = min(step, pixels - first)
            let rows = pool.tensor([count, inner])
            let offset = (picture * pixels + first) * outputs
            var window = ck_window(
                input: input.pointer + picture * input.height * input.width * weights.inputChannels,
                height: input.height, width: input.width, channels: weights.inputChannels, kernel: weights.kernel,
                stride: weights.stride, padding: weights.padding, output_width: output.width)
            for group in 0..<groups {
                ck_unfold(&window, first, count, group * groupInputs, groupInputs, rows.pointer)
                MatrixProduct.multiply(
                    rows: count, columns: groupOutputs, inner: inner, a: rows.pointer, aStride: inner,
                    b: weights.weights.pointer + group * inner * groupOutputs, bStride: groupOutputs,
                    c: output.pointer + offset + group * groupOutputs, cStride: outputs)
            }
            var epilogue = ck_epilogue(
                bias: weights.bias.map { UnsafePointer($0.pointer) },
                residual: residual.map { UnsafePointer($0.pointer + offset) }, relu: activation == .relu ? 1 : 0)
            ck_apply_epilogue(output.pointer + offset, count, outputs, outputs, &epilogue)
        }
    }
}
