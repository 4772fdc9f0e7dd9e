import Checkpoints
import Foundation
import Testing

@testable import Tensors

/// Operators against PyTorch's on sizes and channel counts that fit no vector.
@Suite struct OperatorParityTests {
    private let checkpoint: Checkpoint
    private let compute = Compute(threads: 2)
    /// Relative to the largest output; sums of a few hundred products in single precision differ by far less.
    private let tolerance: Float = 2e-5

    init() throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/parity/operators.safetensors").standardized
        checkpoint = try Checkpoint.open(url.path)
    }

    private func settings(_ name: String) throws -> [String: Any] {
        let text = try #require(checkpoint.metadata["cases"])
        let all = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String: Any]]
        return try #require(all?[name])
    }

    private func values(_ name: String) throws -> [Float] { try #require(checkpoint.tensors[name]).floats() }

    private func shape(_ name: String) throws -> [Int] { try #require(checkpoint.tensors[name]).shape }

    /// [1, C, H, W] as [H, W, C].
    private func map(_ name: String) throws -> Tensor {
        let (shape, values) = (try shape(name), try values(name))
        let (c, area) = (shape[1], shape[2] * shape[3])
        let moved = (0..<area * c).map { values[$0 % c * area + $0 / c] }
        return Tensor(moved, shape: [shape[2], shape[3], c])
    }

    /// [N, C, H, W] as [N, H, W, C].
    private func batch(_ name: String) throws -> Tensor {
        let (shape, values) = (try shape(name), try values(name))
        let (c, area) = (shape[1], shape[2] * shape[3])
        let moved = (0..<values.count).map { index in
            let (picture, rest) = (index / (c * area), index % (c * area))
            return values[picture * c * area + rest % c * area + rest / c]
        }
        return Tensor(moved, shape: [shape[0], shape[2], shape[3], c])
    }

    private func expectEqual(_ found: Tensor, _ expected: Tensor, _ name: String) {
        #expect(found.count == expected.count, "\(name)")
        let scale = expected.elements.map(abs).max() ?? 0
        let difference = zip(found.elements, expected.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(difference <= tolerance * scale, "\(name)")
    }

    @Test(arguments: [
        "conv3x3", "conv3x3_channels", "conv3x3_one_pixel", "conv3x3_small", "conv3x3_stride2", "conv1x1",
        "conv1x1_stride2", "conv7x7_stride2", "grouped", "grouped_stride2",
    ]) func `a convolution is PyTorch's`(name: String) throws {
        let (weight, settings) = (try shape("\(name)/weight"), try settings(name))
        let groups = try #require(settings["groups"] as? Int)
        let weights = ConvolutionWeights(
            weights: try values("\(name)/weight"), bias: try values("\(name)/bias"), inputChannels: weight[1] * groups,
            outputChannels: weight[0], kernel: weight[2], stride: try #require(settings["stride"] as? Int),
            padding: try #require(settings["padding"] as? Int), groups: groups)
        let output = compute.convolution(try map("\(name)/input"), weights)
        expectEqual(output, try map("\(name)/output"), name)
    }

    @Test(arguments: ["conv3x3_channels", "conv3x3", "conv1x1"])
    func `sum and activation are applied to the result`(name: String) throws {
        let (weight, settings) = (try shape("\(name)/weight"), try settings(name))
        let weights = ConvolutionWeights(
            weights: try values("\(name)/weight"), bias: try values("\(name)/bias"), inputChannels: weight[1],
            outputChannels: weight[0], kernel: weight[2], padding: try #require(settings["padding"] as? Int))
        let expected = try map("\(name)/output")
        let residual = Tensor((0..<expected.count).map { Float($0 % 7) - 3 }, shape: expected.shape)
        let output = compute.convolution(try map("\(name)/input"), weights, activation: .relu, adding: residual)
        let sums = zip(expected.elements, residual.elements).map { max(0, $0 + $1) }
        expectEqual(output, Tensor(sums, shape: expected.shape), name)
    }

    @Test func `several pictures are convolved as each by itself`() throws {
        let name = "conv3x3_channels"
        let weight = try shape("\(name)/weight")
        let weights = ConvolutionWeights(
            weights: try values("\(name)/weight"), bias: try values("\(name)/bias"), inputChannels: weight[1],
            outputChannels: weight[0], kernel: 3, padding: 1)
        let (input, expected) = (try map("\(name)/input"), try map("\(name)/output"))
        let twice = Tensor(input.elements + input.elements, shape: [2] + input.shape)
        let output = compute.convolution(twice, weights)
        #expect(output.shape == [2] + expected.shape)
        expectEqual(output, Tensor(expected.elements + expected.elements, shape: output.shape), name)
    }

    @Test func `a transposed convolution is PyTorch's`() throws {
        let weight = try shape("transposed2x2/weight")
        let weights = DeconvolutionWeights(
            weights: try values("transposed2x2/weight"), bias: try values("transposed2x2/bias"),
            inputChannels: weight[0], outputChannels: weight[1])
        expectEqual(
            compute.deconvolution(try map("transposed2x2/input"), weights), try map("transposed2x2/output"), "2x2")
    }

    @Test func `a fully connected layer is PyTorch's`() throws {
        let weight = try shape("linear/weight")
        let weights = LinearWeights(
            weights: try values("linear/weight"), bias: try values("linear/bias"), inputs: weight[1],
            outputs: weight[0])
        let input = Tensor(try values("linear/input"), shape: try shape("linear/input"))
        let expected = Tensor(try values("linear/output"), shape: try shape("linear/output"))
        expectEqual(compute.linear(input, weights), expected, "linear")
    }

    @Test func `the maximum over windows is PyTorch's`() throws {
        expectEqual(compute.maxPool(try map("max_pool/input")), try map("max_pool/output"), "max_pool")
    }

    @Test func `the maximum over windows of two by two is PyTorch's`() throws {
        expectEqual(compute.maxPool2x2(try map("max_pool_2x2/input")), try map("max_pool_2x2/output"), "max_pool_2x2")
    }

    @Test(arguments: ["group_norm", "group_norm_wide"], [false, true])
    func `group normalisation is PyTorch's`(name: String, isResidual: Bool) throws {
        let groups = try #require(try settings(name)["groups"] as? Int)
        let normalization = GroupNormalization(
            scales: try values("\(name)/weight"), shifts: try values("\(name)/bias"), groups: groups)
        let (input, expected) = (try batch("\(name)/input"), try batch("\(name)/output"))
        guard isResidual else {
            expectEqual(compute.groupNormalized(input, normalization), expected, name)
            return
        }
        let residual = Tensor((0..<expected.count).map { Float($0 % 7) - 3 }, shape: expected.shape)
        let output = compute.groupNormalized(input, normalization, activation: .relu, adding: residual)
        let sums = zip(expected.elements, residual.elements).map { max(0, $0 + $1) }
        expectEqual(output, Tensor(sums, shape: expected.shape), name)
    }

    @Test(arguments: ["nearest_odd", "nearest_even", "nearest_uneven"])
    func `nearest values are found where PyTorch finds them`(name: String) throws {
        let expected = try map("\(name)/output")
        let sum = compute.addUpsampled(try map("\(name)/input"), to: Tensor(zeros: expected.shape))
        expectEqual(sum, expected, name)
    }
}
