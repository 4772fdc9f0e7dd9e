import CKernels

/// A convolution's weights in the layout that its algorithm reads, with normalisation folded in.
public struct ConvolutionWeights: Sendable {
    public let shape: ConvolutionShape

    enum Algorithm: Sendable {
        /// A product of the pixels with one matrix `[inputs, outputs]`.
        case pointwise
        /// Winograd F(4x4,3x3): 36 matrices `[inputs, outputs]`.
        case winograd
        /// Windows unfolded into rows: a matrix `[kernel * kernel * inputs / groups, outputs / groups]` for each group.
        case unfolded

        init(_ shape: ConvolutionShape) {
            if shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.groups == 1
                && shape.inputChannels >= 16
            {
                self = .winograd
            } else {
                self =
                    shape.kernel == 1 && shape.stride == 1 && shape.padding == 0 && shape.groups == 1
                    ? .pointwise : .unfolded
            }
        }
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
        let shape = ConvolutionShape(
            inputChannels: inputChannels, outputChannels: outputChannels, kernel: kernel, stride: stride,
            padding: padding, groups: groups)
        self.init(
            rows: shape.rows(weights), bias: bias.map { Tensor($0, shape: [outputChannels]) }, shape,
            arithmetic: arithmetic)
    }

    /// Lays out weights that are in the order of their products.
    ///
    /// - Parameters:
    ///   - rows: As `ConvolutionShape.rows(_:)` makes them.
    ///   - bias: `[outputs]`.
    ///   - arithmetic: What products are computed in.
    ///   - compute: Whose threads do it and whose pool the result is of, for weights that live for a moment; nil for those that stay.
    public init(
        rows: Tensor, bias: Tensor?, _ shape: ConvolutionShape, arithmetic: Arithmetic = .single,
        compute: Compute? = nil
    ) {
        precondition(rows.count == shape.rowsShape.reduce(1, *), "weights of the layer's shape")
        self.shape = shape
        self.bias = bias
        algorithm = Algorithm(shape)
        if algorithm == .winograd {
            let (inputs, outputs) = (shape.inputChannels, shape.outputChannels)
            let plane = inputs * outputs
            let transformed = compute?.pool.tensor([36, plane]) ?? Tensor(zeros: [36, plane])
            let transform = { (range: Range<Int>) in
                ck_winograd_filter(
                    rows.pointer + range.lowerBound, plane, range.count, transformed.pointer + range.lowerBound, plane)
            }
            if let compute { compute.workers.run(plane, step: 4096, transform) } else { transform(0..<plane) }
            matrices = (0..<36).map { point in
                PackedMatrix(
                    transformed.pointer + point * plane, inner: inputs, columns: outputs, arithmetic: arithmetic,
                    growth: Self.winogradGrowth(point), compute: compute)
            }
        } else {
            let (inner, columns) = (shape.kernel * shape.kernel * shape.groupInputs, shape.groupOutputs)
            matrices = (0..<shape.groups).map { group in
                PackedMatrix(
                    rows.pointer + group * inner * columns, inner: inner, columns: columns, arithmetic: arithmetic,
                    compute: compute)
            }
        }
    }

    public var kernel: Int { shape.kernel }
    public var stride: Int { shape.stride }
    public var padding: Int { shape.padding }
    public var groups: Int { shape.groups }
    public var inputChannels: Int { shape.inputChannels }
    public var outputChannels: Int { shape.outputChannels }

    /// The sums of the positive and of the negative factors that Winograd's input transform has at one of its 36 points.
    private static func winogradGrowth(_ point: Int) -> (positive: Int, negative: Int) {
        // Of the six rows of B^T, such as 4 - 5 + 1 of the first.
        let (positive, negative) = ([5, 2, 5, 3, 3, 5], [5, 8, 5, 3, 3, 5])
        let (u, v) = (point / 6, point % 6)
        return (
            positive[u] * positive[v] + negative[u] * negative[v], positive[u] * negative[v] + negative[u] * positive[v]
        )
    }

    /// What a convolution of the input costs.
    public func cost(_ input: Tensor, adding residual: Tensor? = nil) -> OperatorCost {
        let pictures = input.pictures
        let (height, width) = (shape.outputSide(input.height), shape.outputSide(input.width))
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
