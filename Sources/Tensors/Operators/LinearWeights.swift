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
        self.init(
            rows: Self.rows(weights, inputs: inputs, outputs: outputs, pooled: pooled),
            bias: bias.map { Tensor($0, shape: [outputs]) }, arithmetic: arithmetic)
    }

    /// Lays out weights that are in the order of their products.
    ///
    /// - Parameters:
    ///   - rows: `[inputs, outputs]`, see `rows(_:inputs:outputs:pooled:)`.
    ///   - bias: `[outputs]`.
    ///   - compute: Whose threads do it and whose pool the result is of, for weights that live for a moment; nil for those that stay.
    public init(rows: Tensor, bias: Tensor?, arithmetic: Arithmetic = .single, compute: Compute? = nil) {
        (inputs, outputs) = (rows.shape[0], rows.shape[1])
        self.bias = bias
        matrix = PackedMatrix(
            rows.pointer, inner: inputs, columns: outputs, arithmetic: arithmetic, compute: compute)
    }

    /// The weights in the order of their products, `[inputs, outputs]`, from `[outputs, inputs]`, as checkpoints have them.
    ///
    /// - Parameter pooled: See `init`.
    public static func rows(
        _ weights: [Float], inputs: Int, outputs: Int, pooled: (channels: Int, side: Int)?
    ) -> Tensor {
        precondition(weights.count == inputs * outputs, "weights of the layer's shape")
        let rows = Tensor(zeros: [inputs, outputs])
        rows.withMutableElements { rows in
            weights.withUnsafeBufferPointer { weights in
                forEachWeight(inputs: inputs, outputs: outputs, pooled: pooled) { rows[$0] = weights[$1] }
            }
        }
        return rows
    }

    /// The inverse of `rows(_:inputs:outputs:pooled:)`.
    public static func checkpointWeights(_ rows: Tensor, pooled: (channels: Int, side: Int)?) -> [Float] {
        rows.withElements { elements in
            [Float](unsafeUninitializedCapacity: elements.count) { weights, count in
                forEachWeight(inputs: rows.shape[0], outputs: rows.shape[1], pooled: pooled) {
                    weights[$1] = elements[$0]
                }
                count = elements.count
            }
        }
    }

    /// Calls `body` with each weight's place in the order of products and in that of checkpoints.
    private static func forEachWeight(
        inputs: Int, outputs: Int, pooled: (channels: Int, side: Int)?, _ body: (Int, Int) -> Void
    ) {
        let channels = pooled?.channels ?? inputs
        let area = inputs / channels
        for output in 0..<outputs {
            for channel in 0..<channels {
                for place in 0..<area {
                    body((place * channels + channel) * outputs + output, output * inputs + channel * area + place)
                }
            }
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
