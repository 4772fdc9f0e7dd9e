import Foundation
import Instances
import Testing

@testable import Checkpoints
@testable import MaskRCNN
@testable import Tensors

/// What torchvision answered at one stage, as Tests/Fixtures/make_parity.py wrote it.
struct ParityFixture {
    let checkpoint: Checkpoint

    init(_ name: String) throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/parity/\(name).safetensors").standardized
        checkpoint = try Checkpoint.open(url.path)
    }

    func metadata(_ key: String) throws -> Any {
        let text = try #require(checkpoint.metadata[key])
        return try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    func shape(_ name: String) throws -> [Int] { try #require(checkpoint.tensors[name]).shape }

    func floats(_ name: String) throws -> [Float] { try #require(checkpoint.tensors[name], "\(name)").floats() }

    func integers(_ name: String) throws -> [Int] { try floats(name).map { Int($0) } }

    func boxes(_ name: String) throws -> [Box] {
        let values = try floats(name)
        return stride(from: 0, to: values.count, by: 4).map {
            Box(x0: values[$0], y0: values[$0 + 1], x1: values[$0 + 2], y1: values[$0 + 3])
        }
    }

    /// A stored map [1, C, H, W] or batch of regions [N, C, H, W] as [H, W, C] or [N, H, W, C].
    func map(_ name: String, batched: Bool = false) throws -> Tensor {
        let (shape, values) = (try shape(name), try floats(name))
        if shape.count == 2 { return Tensor(values, shape: shape) }
        let (n, c, h, w) = (shape[0], shape[1], shape[2], shape[3])
        var moved = [Float](repeating: 0, count: values.count)
        for i in 0..<n {
            for channel in 0..<c {
                for place in 0..<h * w {
                    moved[(i * h * w + place) * c + channel] = values[(i * c + channel) * h * w + place]
                }
            }
        }
        return Tensor(moved, shape: batched ? [n, h, w, c] : [h, w, c])
    }

    /// A stored picture, uint8 [H, W, 3].
    func image(_ name: String) throws -> RGBImage {
        let (shape, values) = (try shape(name), try floats(name))
        let image = RGBImage(width: shape[1], height: shape[0])
        image.withMutableSamples { samples in
            for (i, value) in values.enumerated() { samples[i] = UInt8(value) }
        }
        return image
    }

    /// The whole network that a backbone fixture holds under `weights/`.
    func model() throws -> Model {
        let prefix = "weights/"
        var tensors: [String: StoredTensor] = [:]
        let names = TensorNames(
            stored: checkpoint.tensors.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
        for (name, tensor) in checkpoint.tensors where name.hasPrefix(prefix) {
            if let current = names.current(for: String(name.dropFirst(prefix.count))) { tensors[current] = tensor }
        }
        let configuration = try ModelConfiguration(json: #require(checkpoint.metadata["configuration"]))
        return try Model(
            configuration, weights: Checkpoint(path: checkpoint.path, format: .safetensors, tensors: tensors))
    }
}

/// The greatest difference of two arrays over the greatest magnitude of the second.
///
/// A stage's error is judged by its largest values: where sums cancel, single precision promises nothing about the small ones.
func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.map(abs).max() ?? 0
    let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    return difference.isNaN ? .infinity : difference / max(scale, 1e-6)
}

func relativeError(_ found: [Box], _ expected: [Box]) -> Float {
    func values(_ boxes: [Box]) -> [Float] { boxes.flatMap { [$0.x0, $0.y0, $0.x1, $0.y1] } }
    return relativeError(values(found), values(expected))
}

/// The bound for every stage.
let parity: Float = 1e-4
