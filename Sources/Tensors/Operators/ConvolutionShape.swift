/// How many channels a convolution has and how its square window moves over the input.
public struct ConvolutionShape: Sendable, Equatable {
    public var inputChannels: Int
    public var outputChannels: Int
    /// Window's side, pixels.
    public var kernel: Int
    public var stride: Int
    public var padding: Int
    public var groups: Int

    public init(
        inputChannels: Int, outputChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1
    ) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.groups = groups
    }

    /// The output's side for an input's side, pixels.
    public func outputSide(_ side: Int) -> Int { (side + 2 * padding - kernel) / stride + 1 }

    /// Input channels of a group.
    var groupInputs: Int { inputChannels / groups }
    /// Output channels of a group.
    var groupOutputs: Int { outputChannels / groups }

    /// The weights in the order of their products: `[groups, kernel * kernel * inputs / groups, outputs / groups]`, from
    /// `[outputs, inputs / groups, kernel, kernel]`, as checkpoints have them.
    public func rows(_ weights: [Float]) -> Tensor {
        precondition(weights.count == outputChannels * groupInputs * kernel * kernel, "weights of the layer's shape")
        let rows = Tensor(zeros: rowsShape)
        rows.withMutableElements { rows in
            forEachWeight { row, weight in rows[row] = weights[weight] }
        }
        return rows
    }

    /// The inverse of `rows(_:)`.
    public func checkpointWeights(_ rows: Tensor) -> [Float] {
        rows.withElements { rows in
            [Float](unsafeUninitializedCapacity: rows.count) { weights, count in
                forEachWeight { row, weight in weights[weight] = rows[row] }
                count = rows.count
            }
        }
    }

    /// `[groups, kernel * kernel * inputs / groups, outputs / groups]`.
    public var rowsShape: [Int] { [groups, kernel * kernel * groupInputs, groupOutputs] }

    /// Calls `body` with each weight's place in the order of products and in that of checkpoints.
    private func forEachWeight(_ body: (Int, Int) -> Void) {
        let area = kernel * kernel
        for output in 0..<outputChannels {
            let (group, column) = (output / groupOutputs, output % groupOutputs)
            for input in 0..<groupInputs {
                for place in 0..<area {
                    body(
                        ((group * area + place) * groupInputs + input) * groupOutputs + column,
                        (output * groupInputs + input) * area + place)
                }
            }
        }
    }
}
