import Foundation
import Instances
import MaskRCNN

/// A known object's mask as the mask head is to draw it: RoIAlign of the mask in the network's input, which is the picture's mask resized
/// to the nearest pixel (torchvision's `project_masks_on_boxes`).
struct MaskTarget: Sendable {
    /// `[height, width]` of the picture, row by row.
    private let bitmap: [UInt8]
    private let width: Int
    /// The picture's row for each row of the network's input, and likewise for columns.
    private let rows: [Int]
    private let columns: [Int]

    /// - Parameter size: The picture's in the network's input without padding.
    init(_ mask: Mask, size: ImageTransform.Size) {
        bitmap = mask.bitmap()
        width = mask.width
        func places(_ length: Int, _ source: Int) -> [Int] {
            // PyTorch computes the place of the nearest pixel in single precision.
            let scale = Float(source) / Float(length)
            return (0..<length).map { min(Int((Float($0) * scale).rounded(.down)), source - 1) }
        }
        rows = places(size.height, mask.height)
        columns = places(size.width, mask.width)
    }

    /// Coordinates beyond which a box is of no picture, and too far to count samples in; every whole number up to it is a `Float`.
    private static let limit: Float = 16_777_216

    /// What the box shows of the object, `[side, side]`, 0...1; not a number for a box that is of no picture, which so has a loss that is
    /// reported.
    ///
    /// - Parameter box: In the network's input.
    func callAsFunction(_ box: Box, side: Int, into target: UnsafeMutablePointer<Float>) {
        guard [box.x0, box.y0, box.x1, box.y1].allSatisfy({ abs($0) <= Self.limit }) else {
            return target.update(repeating: .nan, count: side * side)
        }
        let across = AxisBin.bins(box.x0, box.x1, count: side, length: columns.count)
        let down = AxisBin.bins(box.y0, box.y1, count: side, length: rows.count)
        target.update(repeating: 0, count: side * side)
        let first = down.lazy.filter { !$0.weights.isEmpty }.map(\.start).min() ?? 0
        let last = down.lazy.filter { !$0.weights.isEmpty }.map { $0.start + $0.weights.count }.max() ?? 0
        guard first < last else { return }
        // Each row's bins first, then each bin's rows.
        var lines = [Float](repeating: 0, count: (last - first) * side)
        bitmap.withUnsafeBufferPointer { bitmap in
            for row in first..<last {
                let source = rows[row] * width
                for (index, bin) in across.enumerated() {
                    var sum: Float = 0
                    for (offset, weight) in bin.weights.enumerated()
                    where bitmap[source + columns[bin.start + offset]] != 0 {
                        sum += weight
                    }
                    lines[(row - first) * side + index] = sum
                }
            }
        }
        for (index, bin) in down.enumerated() {
            for (offset, weight) in bin.weights.enumerated() {
                for x in 0..<side {
                    target[index * side + x] += weight * lines[(bin.start + offset - first) * side + x]
                }
            }
        }
    }
}

/// What a bin of RoIAlign takes of the places of one axis, with as many samples as it has pixels.
private struct AxisBin {
    var start = 0
    /// Of the places from `start` on; they add up to at most 1.
    var weights: [Float] = []

    static func bins(_ low: Float, _ high: Float, count: Int, length: Int) -> [AxisBin] {
        let step = max(high - low, 1) / Float(count)
        let samples = max(1, Int(step.rounded(.up)))
        return (0..<count).map { index in
            var bin = AxisBin()
            func add(_ place: Int, _ weight: Float) {
                if bin.weights.isEmpty { bin.start = place }
                while bin.start + bin.weights.count <= place { bin.weights.append(0) }
                bin.weights[place - bin.start] += weight / Float(samples)
            }
            for sample in 0..<samples {
                var position = low + Float(index) * step + (Float(sample) + 0.5) * step / Float(samples)
                guard position >= -1, position <= Float(length) else { continue }
                position = max(position, 0)
                let place = Int(position)
                if place >= length - 1 {
                    add(length - 1, 1)
                } else {
                    let weight = position - Float(place)
                    add(place, 1 - weight)
                    add(place + 1, weight)
                }
            }
            return bin
        }
    }
}
