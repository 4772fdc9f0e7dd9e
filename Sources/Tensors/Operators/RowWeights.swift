import CKernels

/// The weights of a 1x1 convolution of whose outputs each picture needs one.
public struct RowWeights: Sendable {
    let inputs: Int
    /// `[outputs, inputs]`, as checkpoints have them.
    let weights: Tensor
    let bias: [Float]

    public init(weights: [Float], bias: [Float], inputs: Int) {
        precondition(weights.count == bias.count * inputs, "weights of the layer's shape")
        self.init(weights: Tensor(weights, shape: [bias.count, inputs]), bias: bias)
    }

    /// - Parameters:
    ///   - weights: `[outputs, inputs]`; not copied.
    ///   - bias: `[outputs]`.
    public init(weights: Tensor, bias: [Float]) {
        inputs = weights.shape[1]
        self.weights = weights
        self.bias = bias
    }

    /// What one output a picture of `[pictures, height, width, inputs]` costs.
    public func cost(_ input: Tensor) -> OperatorCost {
        OperatorCost(
            algorithm: "inner products", operations: 2 * Double(input.count),
            bytes: Double((input.count + input.count / max(1, inputs)) * MemoryLayout<Float>.stride))
    }
}

extension Compute {
    /// The sigmoid of one output a picture, `[pictures, height, width, inputs]` to `[pictures, height, width]`.
    ///
    /// - Parameter rows: Which output each picture needs.
    public func selectedProbabilities(_ input: Tensor, _ weights: RowWeights, rows: [Int]) -> Tensor {
        selected(input, weights, rows: rows) { target, count in ck_sigmoid(target, count) }
    }

    /// One output a picture, `[pictures, height, width, inputs]` to `[pictures, height, width]`.
    ///
    /// - Parameter rows: Which output each picture needs.
    public func selectedLogits(_ input: Tensor, _ weights: RowWeights, rows: [Int]) -> Tensor {
        selected(input, weights, rows: rows) { _, _ in }
    }

    private func selected(
        _ input: Tensor, _ weights: RowWeights, rows: [Int], then: (UnsafeMutablePointer<Float>, Int) -> Void
    ) -> Tensor {
        precondition(
            input.channels == weights.inputs && rows.count == input.shape[0], "the layer's inputs, a row a picture")
        let output = pool.tensor(Array(input.shape.dropLast()))
        let area = input.height * input.width
        workers.run(rows.count, step: 4) { range in
            for index in range {
                let target = output.pointer + index * area
                ck_inner_products(
                    input.pointer + index * area * weights.inputs, area, weights.inputs,
                    weights.weights.pointer + rows[index] * weights.inputs, weights.bias[rows[index]], target)
                then(target, area)
            }
        }
        return output
    }
}
