/// A fully connected layer's weights, transposed for products from the left.
public struct LinearWeights: Sendable {
    public let inputs: Int
    public let outputs: Int
    /// `[inputs, outputs]`.
    let matrix: PackedMatrix
    let bias: Tensor?

    /// Lays out weights.
    ///
    /// - Parameters:
    ///   - weights: `[outputs, inputs]`, as checkpoints have them.
    ///   - bias: `[outputs]`.
    ///   - pooled: The inputs' shape `[channels, height, width]` in the checkpoint, where they are a feature map; here
    ///     they come as `[height, width, channels]`.
    ///   - arithmetic: What products are computed in.
    public init(
        weights: [Float], bias: [Float]?, inputs: Int, outputs: Int, pooled: (channels: Int, side: Int)? = nil,
        arithmetic: Arithmetic = .single
    ) {
        precondition(weights.count == inputs * outputs, "weights of the layer's shape")
        self.inputs = inputs
        self.outputs = outputs
        self.bias = bias.map { Tensor($0, shape: [outputs]) }
        let transposed = Tensor(zeros: [inputs, outputs])
        let channels = pooled?.channels ?? inputs
        let area = inputs / channels
        let rows = transposed.pointer
        weights.withUnsafeBufferPointer { weights in
            for output in 0..<outputs {
                for channel in 0..<channels {
                    for place in 0..<area {
                        rows[(place * channels + channel) * outputs + output] =
                            weights[output * inputs + channel * area + place]
                    }
                }
            }
        }
        matrix = withExtendedLifetime(transposed) {
            PackedMatrix(rows, inner: inputs, columns: outputs, arithmetic: arithmetic)
        }
    }

    /// What a product with `[rows, inputs]` costs.
    public func cost(_ input: Tensor) -> OperatorCost {
        let rows = input.shape[0]
        let values = rows * (inputs + outputs)
        return OperatorCost(
            algorithm: "product", operations: 2 * Double(rows * inputs * outputs),
            bytes: Double(values * MemoryLayout<Float>.stride + matrix.bytes), isNarrow: matrix.isNarrow)
    }
}
