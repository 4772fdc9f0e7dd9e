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
        let pictures = input.pictures
        let (height, width) = (weights.shape.outputSide(input.height), weights.shape.outputSide(input.width))
        let output = pool.tensor(Array(input.shape.dropLast(3)) + [height, width, weights.outputChannels])
        precondition(residual == nil || residual!.count == output.count, "the residual has the output's shape")
        guard output.count > 0 else { return output }
        switch weights.algorithm {
        case .pointwise:
            multiply(
                input, rows: pictures * height * width, weights.matrices[0], output, bias: weights.bias,
                residual: residual, activation: activation)
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
        multiply(input, rows: rows, weights.matrix, output, bias: weights.bias, activation: activation)
        return output
    }

    /// A product cut over the threads, by rows where there are many and otherwise by columns.
    private func multiply(
        _ a: Tensor, rows: Int, _ matrix: PackedMatrix, _ c: Tensor, bias: Tensor?, residual: Tensor? = nil,
        activation: Activation
    ) {
        let panels = matrix.columns.parts(of: PackedMatrix.columnStep)
        // Few rows are cut by columns, so that each thread reads its own part of the weights. Otherwise as many equal pieces
        // for every thread, of whole tiles, and of few enough rows that their packed form stays near.
        let byColumns = panels > 1 && rows < 4 * PackedMatrix.rowStep * workers.count
        let pieces = max(1, rows.parts(of: 288 * workers.count) * workers.count)
        let rowStep = byColumns ? max(rows, 1) : max(1, rows.parts(of: pieces)).roundedUp(to: PackedMatrix.rowStep)
        let columnStep =
            byColumns ? panels.parts(of: workers.count) * PackedMatrix.columnStep : max(matrix.columns, 1)
        let columnPieces = matrix.columns.parts(of: columnStep)
        let rowPieces = rows.parts(of: rowStep)
        workers.run(rowPieces * columnPieces) { piece in
            let (row, column) = (piece / columnPieces * rowStep, piece % columnPieces * columnStep)
            let place = row * matrix.columns + column
            pool.withScratch(PackedMatrix.scratchCount) { scratch in
                matrix.multiply(
                    rows: min(rowStep, rows - row), a.pointer + row * matrix.inner, stride: matrix.inner,
                    into: c.pointer + place, stride: matrix.columns,
                    columns: column..<min(column + columnStep, matrix.columns),
                    epilogue: ck_epilogue(
                        bias: bias, column: column, residual: residual, place: place, activation: activation),
                    scratch: scratch)
            }
        }
    }

    private func convolveByWinograd(
        _ input: Tensor, pictures: Int, _ weights: ConvolutionWeights, _ activation: Activation, _ residual: Tensor?,
        _ output: Tensor
    ) {
        let (height, width) = (output.height, output.width)
        let (inputs, outputs) = (weights.inputChannels, weights.outputChannels)
        let tiles = ck_winograd_tiles(pictures, height, width)
        // The more tiles at once, the more often a panel of weights is used; the fewer, the nearer both sides of the
        // products stay.
        let share = tiles.parts(of: workers.count)
        let step = share.parts(of: share.parts(of: 144)).roundedUp(to: PackedMatrix.rowStep)
        workers.run(tiles, step: step) { range in
            let count = range.count
            // Packed rows come in whole tiles.
            let rows = count.roundedUp(to: PackedMatrix.rowStep)
            let (inputPlane, outputPlane) = (
                ck_winograd_plane(rows * weights.matrices[0].packedInner), ck_winograd_plane(count * outputs)
            )
            pool.withScratch(36 * (inputPlane + outputPlane)) { memory in
                let products = memory + 36 * inputPlane
                switch weights.matrices[0].layout {
                case .plain:
                    ck_winograd_input(
                        input.pointer, pictures, height, width, inputs, range.lowerBound, count, memory, inputPlane)
                case .single:
                    ck_winograd_input_packed(
                        input.pointer, pictures, height, width, inputs, range.lowerBound, count, memory, inputPlane)
                case .narrow(let matrix):
                    var narrowing = matrix.narrowing
                    ck_winograd_input_narrow(
                        input.pointer, pictures, height, width, inputs, range.lowerBound, count, &narrowing, memory,
                        inputPlane)
                }
                for (point, matrix) in weights.matrices.enumerated() {
                    let (from, to) = (memory + point * inputPlane, products + point * outputPlane)
                    if case .plain = matrix.layout {
                        matrix.multiply(
                            rows: count, from, stride: inputs, into: to, stride: outputs, epilogue: .none,
                            scratch: products)
                    } else {
                        matrix.multiply(rows: count, packed: from, into: to, stride: outputs, epilogue: .none)
                    }
                }
                var epilogue = ck_epilogue(bias: weights.bias, residual: residual, activation: activation)
                ck_winograd_output(
                    products, outputPlane, pictures, height, width, outputs, range.lowerBound, count, &epilogue,
                    output.pointer)
            }
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
        let blocks = pixels.parts(of: step)
        workers.run(pictures * blocks) { piece in
            let (picture, first) = (piece / blocks, piece % blocks * step)
            let count = min(step, pixels - first)
            let offset = (picture * pixels + first) * outputs
            let window = ck_window(
                input: input.pointer + picture * input.height * input.width * weights.inputChannels,
                height: input.height, width: input.width, channels: weights.inputChannels, kernel: weights.kernel,
                stride: weights.stride, padding: weights.padding, output_width: output.width)
            pool.withScratch(weights.matrices[0].scratchCount(windows: count)) { scratch in
                for (group, matrix) in weights.matrices.enumerated() {
                    let column = group * groupOutputs
                    matrix.multiply(
                        window, range: first..<first + count, offset: group * groupInputs, channels: groupInputs,
                        into: output.pointer + offset + column, stride: outputs,
                        epilogue: ck_epilogue(
                            bias: weights.bias, column: column, residual: residual, place: offset + column,
                            activation: activation), scratch: scratch)
                }
            }
        }
    }
}
