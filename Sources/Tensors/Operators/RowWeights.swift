import CKernels

/// The weights of a 1x1 convolution of whose outputs each picture needs one.
public struct RowWeights: Sendable {
    let inputs: Int
    /// `[outputs, inputs]`, as checkpoints have them.
    let weights: Tensor
    let bias: [Float]

    public init(weights: [Float], bias: [Float], inputs: Int) {
        precondition(weights.count == bias.count * inputs, "weights of the layer's shape")
        self.inputs = inputs
        self.weights = Tensor(weights, shape: [bias.count, inputs])
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
                ck_sigmoid(target, area)
            }
        }
        return output
    }
}
