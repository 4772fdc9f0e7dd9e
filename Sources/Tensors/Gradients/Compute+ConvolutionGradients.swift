import CKernels

// The transposes of a convolution's two linear maps. Weights are in the order of their products, see `ConvolutionShape`.
extension Compute {
    /// The gradient with respect to a convolution's input.
    ///
    /// It is a convolution itself, with stride 1 and every window turned by half, of the gradients with zeros between them where the
    /// stride was more, so that the same kernels compute it.
    ///
    /// - Parameters:
    ///   - gradient: With respect to the output, `[..., height', width', outputs]`.
    ///   - weights: As `ConvolutionShape.transposed(_:_:)` lays them out.
    ///   - shape: The convolution's.
    ///   - size: The input's height and width.
    ///   - sum: Added to the result.
    /// - Returns: `[..., height, width, inputs]`.
    public func convolutionInputGradient(
        _ gradient: Tensor, _ weights: ConvolutionWeights, _ shape: ConvolutionShape, size: (height: Int, width: Int),
        adding sum: Tensor? = nil
    ) -> Tensor {
        guard shape.stride > 1 else { return convolution(gradient, weights, adding: sum) }
        if shape.kernel == 1 && shape.padding == 0 {
            // Between the places that the window was at nothing depends on the input.
            let places = convolution(gradient, weights)
            return spread(places, step: shape.stride, size: size, adding: sum)
        }
        let reach = 2 * shape.padding - shape.kernel + 1
        let spread = spread(gradient, step: shape.stride, size: (size.height + reach, size.width + reach))
        return convolution(spread, weights, adding: sum)
    }

    /// Lays out a convolution's weights for `convolutionInputGradient`.
    ///
    /// - Parameter rows: As `ConvolutionShape.rows(_:)` makes them.
    public func transposedWeights(_ rows: Tensor, _ shape: ConvolutionShape) -> ConvolutionWeights {
        let (area, plane) = (shape.kernel * shape.kernel, shape.groupInputs * shape.groupOutputs)
        let turned = pool.tensor([shape.groups, area * shape.groupOutputs, shape.groupInputs])
        let bands = shape.groupInputs.parts(of: 64)
        workers.run(shape.groups * area * bands) { piece in
            let (place, band) = (piece / bands, piece % bands * 64)
            let (group, tap) = (place / area, place % area)
            let source = rows.pointer + place * plane + band * shape.groupOutputs
            let target = turned.pointer + (group * area + area - 1 - tap) * plane + band
            ck_transpose(
                source, min(64, shape.groupInputs - band), shape.groupOutputs, target, shape.groupInputs)
        }
        return ConvolutionWeights(
            rows: turned, bias: nil,
            ConvolutionShape(
                inputChannels: shape.outputChannels, outputChannels: shape.inputChannels, kernel: shape.kernel,
                padding: shape.kernel - 1 - shape.padding, groups: shape.groups), compute: self)
    }

    /// Adds to the gradient with respect to a convolution's weights.
    ///
    /// - Parameters:
    ///   - input: `[..., height, width, inputs]`.
    ///   - gradient: With respect to the output, `[..., height', width', outputs]`.
    ///   - target: Of the weights' shape.
    public func addConvolutionWeightGradient(
        _ input: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape, to target: Tensor
    ) {
        precondition(
            input.channels == shape.inputChannels && gradient.channels == shape.outputChannels
                && target.count == shape.rowsShape.reduce(1, *), "the layer's channels")
        guard gradient.count > 0 else { return }
        switch ConvolutionWeights.Algorithm(shape) {
        case .pointwise:
            addTransposedProduct(
                input.pointer, stride: shape.inputChannels, gradient.pointer, stride: shape.outputChannels,
                inner: gradient.count / shape.outputChannels, rows: shape.inputChannels,
                columns: shape.outputChannels, to: target.pointer)
        case .winograd: addWinogradWeightGradient(input, gradient, shape, to: target)
        case .unfolded: addUnfoldedWeightGradient(input, gradient, shape, to: target)
        }
    }

    /// Adds to the gradient with respect to a fully connected layer's weights, `[inputs, outputs]`.
    ///
    /// - Parameters:
    ///   - input: `[rows, ...]` with `inputs` elements a row.
    ///   - gradient: With respect to the output, `[rows, outputs]`.
    public func addLinearWeightGradient(_ input: Tensor, _ gradient: Tensor, to target: Tensor) {
        let (rows, outputs) = (gradient.shape[0], gradient.shape[1])
        guard rows > 0 else { return }
        let inputs = input.count / rows
        precondition(input.shape[0] == rows && target.count == inputs * outputs, "the layer's inputs and outputs")
        addTransposedProduct(
            input.pointer, stride: inputs, gradient.pointer, stride: outputs, inner: rows, rows: inputs,
            columns: outputs,
            to: target.pointer)
    }

    /// `c += transpose(a) * b`, with a `[inner, rows]`, b `[inner, columns]`, c `[rows, columns]`.
    ///
    /// Each thread has a part of c, whatever its size, so that the sums do not depend on the number of threads.
    private func addTransposedProduct(
        _ a: UnsafePointer<Float>, stride aStride: Int, _ b: UnsafePointer<Float>, stride bStride: Int, inner: Int,
        rows: Int, columns: Int, to c: UnsafeMutablePointer<Float>
    ) {
        // As square as they can be, so that both sides are read as seldom as possible.
        let (rowStep, columnStep) = (384, 512)
        let (rowPieces, columnPieces) = (rows.parts(of: rowStep), columns.parts(of: columnStep))
        // Small results are cut further, for all threads to have work.
        let cut = rowPieces * columnPieces >= 2 * workers.count ? 1 : 4
        let rowPart = max(16, rows.parts(of: rowPieces * cut)).roundedUp(to: 16)
        let columnPart = columns.parts(of: columnPieces).roundedUp(to: 16)
        let across = columns.parts(of: columnPart)
        workers.run(rows.parts(of: rowPart) * across) { piece in
            let (row, column) = (piece / across * rowPart, piece % across * columnPart)
            TransposedProduct.add(
                a + row, stride: aStride, b + column, stride: bStride, inner: inner,
                rows: min(rowPart, rows - row), columns: min(columnPart, columns - column),
                to: c + row * columns + column, stride: columns, pool)
        }
    }

    /// Winograd F(4x4,3x3) backwards: of each of the 36 points a product of the transformed inputs with the transformed gradients.
    private func addWinogradWeightGradient(
        _ input: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape, to target: Tensor
    ) {
        let (pictures, height, width) = (gradient.pictures, gradient.height, gradient.width)
        let (inputs, outputs) = (shape.inputChannels, shape.outputChannels)
        let tiles = ck_winograd_tiles(pictures, height, width)
        // As many at once as bound the memory; more make longer products.
        let atOnce = min(tiles, max(256, (48 << 20) / (36 * (inputs + outputs))))
        let plane = inputs * outputs
        let sums = pool.tensor([36, plane])
        clear(sums)
        for first in stride(from: 0, to: tiles, by: atOnce) {
            let count = min(atOnce, tiles - first)
            let (inputPlane, gradientPlane) = (
                ck_winograd_plane(count * inputs), ck_winograd_plane(count * outputs)
            )
            pool.withScratch(36 * (inputPlane + gradientPlane)) { memory in
                let gradients = memory + 36 * inputPlane
                workers.run(count, step: 32) { range in
                    ck_winograd_input(
                        input.pointer, pictures, height, width, inputs, first + range.lowerBound, range.count,
                        memory + range.lowerBound * inputs, inputPlane)
                    ck_winograd_gradient(
                        gradient.pointer, pictures, height, width, outputs, first + range.lowerBound, range.count,
                        gradients + range.lowerBound * outputs, gradientPlane)
                }
                workers.run(36) { point in
                    TransposedProduct.add(
                        memory + point * inputPlane, stride: inputs, gradients + point * gradientPlane,
                        stride: outputs, inner: count, rows: inputs, columns: outputs,
                        to: sums.pointer + point * plane, stride: outputs, pool)
                }
            }
        }
        workers.run(plane, step: 4096) { range in
            ck_winograd_filter_gradient(
                sums.pointer + range.lowerBound, plane, range.count, target.pointer + range.lowerBound, plane)
        }
    }

    private func addUnfoldedWeightGradient(
        _ input: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape, to target: Tensor
    ) {
        let (groups, groupInputs, groupOutputs) = (shape.groups, shape.groupInputs, shape.groupOutputs)
        let inner = shape.kernel * shape.kernel * groupInputs
        let pixels = gradient.height * gradient.width
        func window(_ picture: Int) -> ck_window {
            ck_window(
                input: input.pointer + picture * input.height * input.width * shape.inputChannels,
                height: input.height, width: input.width, channels: shape.inputChannels, kernel: shape.kernel,
                stride: shape.stride, padding: shape.padding, output_width: gradient.width)
        }
        let step = min(pixels, max(64, 1_000_000 / inner))
        guard groups == 1 else {
            // A thread has a group, so that all write to places of their own.
            workers.run(groups) { group in
                pool.withScratch(step * inner) { rows in
                    for picture in 0..<input.pictures {
                        var window = window(picture)
                        for first in Swift.stride(from: 0, to: pixels, by: step) {
                            let count = min(step, pixels - first)
                            ck_unfold(&window, first, count, group * groupInputs, groupInputs, rows)
                            TransposedProduct.add(
                                rows, stride: inner,
                                gradient.pointer + (picture * pixels + first) * shape.outputChannels
                                    + group * groupOutputs,
                                stride: shape.outputChannels, inner: count, rows: inner, columns: groupOutputs,
                                to: target.pointer + group * inner * groupOutputs, stride: groupOutputs, pool)
                        }
                    }
                }
            }
            return
        }
        for picture in 0..<input.pictures {
            for first in Swift.stride(from: 0, to: pixels, by: step) {
                let count = min(step, pixels - first)
                let rows = pool.tensor([count, inner])
                workers.run(count, step: 64) { range in
                    var window = window(picture)
                    ck_unfold(
                        &window, first + range.lowerBound, range.count, 0, groupInputs,
                        rows.pointer + range.lowerBound * inner)
                }
                addTransposedProduct(
                    rows.pointer, stride: inner, gradient.pointer + (picture * pixels + first) * shape.outputChannels,
                    stride: shape.outputChannels, inner: count, rows: inner, columns: shape.outputChannels,
                    to: target.pointer)
            }
        }
    }

    /// Puts pixels `step` apart on a map of zeros, or onto `sum`, which stays as it is.
    func spread(
        _ input: Tensor, step: Int, size: (height: Int, width: Int), adding sum: Tensor? = nil
    ) -> Tensor {
        let (channels, pictures) = (input.channels, input.pictures)
        let output = pool.tensor(Array(input.shape.dropLast(3)) + [size.height, size.width, channels])
        let line = size.width * channels
        workers.run(pictures * size.height, step: max(1, 20_000 / max(1, line))) { rows in
            for row in rows {
                let (picture, y) = (row / size.height, row % size.height)
                let target = output.pointer + row * line
                if let sum {
                    target.update(from: sum.pointer + row * line, count: line)
                } else {
                    target.update(repeating: 0, count: line)
                }
                guard y % step == 0, y / step < input.height else { continue }
                let source = input.pointer + (picture * input.height + y / step) * input.width * channels
                for x in 0..<input.width where x * step < size.width {
                    ck_add_values(source + x * channels, channels, 1, target + x * step * channels)
                }
            }
        }
        return output
    }
}
