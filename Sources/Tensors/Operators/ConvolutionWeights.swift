import CKernels

/// A convolution's weights in the layout that its algorithm reads, with normalisation folded in.
public struct ConvolutionWeights: Sendable {
    /// Window's side, pixels; windows are square.
    public let kernel: Int
    public let stride: Int
    public let padding: Int
    public let groups: Int
    public let inputChannels: Int
    public let outputChannels: Int

    enum Algorithm: Sendable {
        /// A product of the pixels with one matrix `[inputs, outputs]`.
        case pointwise
        /// Winograd F(4x4,3x3): 36 matrices `[inputs, outputs]`.
        case winograd
        /// Windows unfolded into rows: a matrix `[kernel * kernel * inputs / groups, outputs / groups]` for each group.
        case unfolded
    }

    let algorithm: Algorithm
    let matrices: [PackedMatrix]
    let bias: Tensor?

    /// Lays out weights.
    ///
    /// - Parameters:
    ///   - weights: `[outputs, inputs / groups, kernel, kernel]`, as checkpoints have them.
    ///   - bias: `[outputs]`.
    ///   - arithmetic: What products are computed in.
    public init(
        weights: [Float], bias: [Float]?, inputChannels: Int, outputChannels: Int, kernel: Int, stride: Int = 1,
        padding: Int = 0, groups: Int = 1, arithmetic: Arithmetic = .single
    ) {
        let groupInputs = inputChannels / groups
        precondition(weights.count == outputChannels * groupInputs * kernel * kernel, "weights of the layer's shape")
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.groups = groups
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.bias = bias.map { Tensor($0, shape: [outputChannels]) }
        let groupOutputs = outputChannels / groups
        // [groups, ky, kx, inputs / groups, outputs / groups]
        let area = kernel * kernel
        let rows = Tensor(zeros: [groups, area * groupInputs, groupOutputs])
        rows.withMutableElements { rows in
            for output in 0..<outputChannels {
                let (group, column) = (output / groupOutputs, output % groupOutputs)
                for input in 0..<groupInputs {
                    for place in 0..<area {
                        rows[((group * area + place) * groupInputs + input) * groupOutputs + column] =
                            weights[(output * groupInputs + input) * area + place]
                    }
                }
            }
        }
        let inner = area * groupInputs
        if kernel == 3 && stride == 1 && padding == 1 && groups == 1 && inputChannels >= 16 {
            algorithm = .winograd
            let transformed = Tensor(zeros: [36, inputChannels, outputChannels])
            ck_winograd_filter(rows.pointer, inputChannels, outputChannels, transformed.pointer)
            matrices = (0..<36).map { point in
                PackedMatrix(
                    transformed.pointer + point * inputChannels * outputChannels, inner: inputChannels,
                    columns: outputChannels, arithmetic: arithmetic, growth: Self.winogradGrowth(point))
            }
        } else {
            algorithm = kernel == 1 && stride == 1 && padding == 0 && groups == 1 ? .pointwise : .unfolded
            matrices = (0..<groups).map { group in
                PackedMatrix(
                    rows.pointer + group * inner * groupOutputs, inner: inner, columns: groupOutputs,
                    arithmetic: arithmetic)
            }
        }
    }

    /// The sums of the positive and of the negative factors that Winograd's input transform has at one of its 36 points.
    private static func winogradGrowth(_ point: Int) -> (positive: Int, negative: Int) {
        // Of the six rows of B^T, such as 4 - 5 + 1 of the first.
        let (positive, negative) = ([5, 2, 5, 3, 3, 5], [5, 8, 5, 3, 3, 5])
        let (u, v) = (point / 6, point % 6)
        return (
            positive[u] * positive[v] + negative[u] * negative[v], positive[u] * negative[v] + negative[u] * positive[v]
        )
    }

    /// The output's side for an input's side, pixels.
    func outputSide(_ side: Int) -> Int { (side + 2 * padding - kernel) / stride + 1 }

    /// What a convolution of the input costs.
    public func cost(_ input: Tensor, adding residual: Tensor? = nil) -> OperatorCost {
        let pictures = input.shape.dropLast(3).reduce(1, *)
        let (height, width) = (outputSide(input.height), outputSide(input.width))
        let outputs = pictures * height * width * outputChannels
        let direct = 2 * Double(outputs * kernel * kernel * inputChannels / groups)
        let name: String
        var operations = direct
        switch algorithm {
        case .pointwise: name = "product"
        case .winograd:
            name = "winograd"
            let tiles = ck_winograd_tiles(pictures, height, width)
            operations = 2 * 36 * Double(tiles * inputChannels * outputChannels)
        case .unfolded: name = "unfolded"
        }
        let weights = matrices.reduce(0) { $0 + $1.bytes }
        let values = input.count + outputs + (residual?.count ?? 0)
        return OperatorCost(
            algorithm: "\(name) \(kernel)x\(kernel)\(stride > 1 ? "/\(stride)" : "")", operations: operations,
            directOperations: direct, bytes: Double(values * MemoryLayout<Float>.stride + weights),
            isNarrow: matrices[0].isNarrow)
    }
}
