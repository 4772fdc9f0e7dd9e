import CKernels

/// The weights of a transposed convolution with a 2x2 window and stride 2, whose windows never meet.
public struct DeconvolutionWeights: Sendable {
    public let inputChannels: Int
    public let outputChannels: Int
    /// `[inputs, 4 * outputs]`, the four places of the window row by row.
    let matrix: PackedMatrix
    /// `[4 * outputs]`.
    let bias: Tensor

    /// Lays out weights.
    ///
    /// - Parameters:
    ///   - weights: `[inputs, outputs, 2, 2]`, as checkpoints have them.
    ///   - bias: `[outputs]`.
    ///   - arithmetic: What products are computed in.
    public init(
        weights: [Float], bias: [Float], inputChannels: Int, outputChannels: Int, arithmetic: Arithmetic = .single
    ) {
        self.init(
            rows: Self.rows(weights, inputChannels: inputChannels, outputChannels: outputChannels), bias: bias,
            arithmetic: arithmetic)
    }

    /// Lays out weights that are in the order of their products.
    ///
    /// - Parameters:
    ///   - rows: `[inputs, 4 * outputs]`, see `rows(_:inputChannels:outputChannels:)`.
    ///   - bias: `[outputs]`.
    ///   - compute: Whose threads do it and whose pool the result is of, for weights that live for a moment; nil for those that stay.
    public init(rows: Tensor, bias: [Float], arithmetic: Arithmetic = .single, compute: Compute? = nil) {
        (inputChannels, outputChannels) = (rows.shape[0], rows.shape[1] / 4)
        self.bias = Tensor((0..<4).flatMap { _ in bias }, shape: [4 * outputChannels])
        matrix = PackedMatrix(
            rows.pointer, inner: inputChannels, columns: 4 * outputChannels, arithmetic: arithmetic, compute: compute)
    }

    /// The weights in the order of their products, `[inputs, 4 * outputs]`, from `[inputs, outputs, 2, 2]`, as checkpoints have them.
    public static func rows(_ weights: [Float], inputChannels: Int, outputChannels: Int) -> Tensor {
        precondition(weights.count == inputChannels * outputChannels * 4, "weights of the layer's shape")
        let rows = Tensor(zeros: [inputChannels, 4 * outputChannels])
        rows.withMutableElements { rows in
            forEachWeight(inputChannels, outputChannels) { rows[$0] = weights[$1] }
        }
        return rows
    }

    /// The inverse of `rows(_:inputChannels:outputChannels:)`.
    public static func checkpointWeights(_ rows: Tensor) -> [Float] {
        rows.withElements { elements in
            [Float](unsafeUninitializedCapacity: elements.count) { weights, count in
                forEachWeight(rows.shape[0], rows.shape[1] / 4) { weights[$1] = elements[$0] }
                count = elements.count
            }
        }
    }

    /// Calls `body` with each weight's place in the order of products and in that of checkpoints.
    private static func forEachWeight(_ inputs: Int, _ outputs: Int, _ body: (Int, Int) -> Void) {
        for input in 0..<inputs {
            for output in 0..<outputs {
                for place in 0..<4 {
                    body((input * 4 + place) * outputs + output, (input * outputs + output) * 4 + place)
                }
            }
        }
    }

    /// What a transposed convolution of the input costs.
    public func cost(_ input: Tensor) -> OperatorCost {
        let pixels = input.count / inputChannels
        let values = input.count + 4 * outputChannels * pixels
        return OperatorCost(
            algorithm: "deconvolution 2x2", operations: 2 * Double(pixels * inputChannels * 4 * outputChannels),
            bytes: Double(values * MemoryLayout<Float>.stride + matrix.bytes), isNarrow: matrix.isNarrow)
    }
}

extension Compute {
    /// A transposed convolution, `[pictures, height, width, inputs]` to `[pictures, 2 * height, 2 * width, outputs]`.
    public func deconvolution(
        _ input: Tensor, _ weights: DeconvolutionWeights, activation: Activation = .none
    ) -> Tensor {
        precondition(input.channels == weights.inputChannels, "the layer's input channels")
        let (width, outputs) = (input.width, weights.outputChannels)
        let lines = input.shape.dropLast(2).reduce(1, *)
        let output = pool.tensor(
            Array(input.shape.dropLast(3)) + [2 * input.height, 2 * width, outputs])
        let columns = 4 * outputs
        // Output rows 2i and 2i + 1 follow each other in memory, whatever picture they are of.
        // The products are copied while they are still in the second cache.
        let step = max(1, min(lines.parts(of: workers.count), 90_000 / max(1, columns * width)))
        workers.run(lines, step: step) { range in
            let rows = range.count * width
            pool.withScratch(rows * columns + PackedMatrix.scratchCount) { products in
                weights.matrix.multiply(
                    rows: rows, input.pointer + range.lowerBound * width * weights.inputChannels,
                    stride: weights.inputChannels, into: products, stride: columns,
                    epilogue: ck_epilogue(bias: weights.bias, activation: activation),
                    scratch: products + rows * columns)
                for row in 0..<rows {
                    let (line, x) = (range.lowerBound + row / width, row % width)
                    let source = products + row * columns
                    for half in 0..<2 {
                        let target = output.pointer + ((2 * line + half) * 2 * width + 2 * x) * outputs
                        target.update(from: source + half * 2 * outputs, count: 2 * outputs)
                    }
                }
            }
        }
        return output
    }
}
