import CKernels

extension Compute {
    /// The softmax of every row, `[rows, columns]`.
    public func softmax(_ logits: Tensor) -> Tensor {
        let (rows, columns) = (logits.shape[0], logits.shape[1])
        let output = pool.tensor(logits.shape)
        guard columns > 0 else { return output }
        workers.run(rows, step: 64) { range in
            let offset = range.lowerBound * columns
            ck_softmax(logits.pointer + offset, range.count, columns, output.pointer + offset)
        }
        return output
    }
}

/// What one thread does to the boxes of one level or class.
public enum BoxKernels {
    /// The sigmoid of every value, in place.
    public static func sigmoid(_ values: UnsafeMutableBufferPointer<Float>) {
        guard let base = values.baseAddress else { return }
        ck_sigmoid(base, values.count)
    }

    /// Applies differences to reference boxes, and cuts the boxes at a picture's borders (Girshick et al. 2014, appendix C).
    ///
    /// - Parameters:
    ///   - deltas: dx, dy, dw, dh, `[boxes, 4]`.
    ///   - references: `[boxes, 4]`.
    ///   - centerWeight: What dx and dy are divided by.
    ///   - sizeWeight: What dw and dh are divided by.
    ///   - greatestGrowth: What dw and dh are cut at.
    ///   - height: The picture's, pixels; likewise `width`.
    ///   - boxes: `[boxes, 4]`.
    public static func decode(
        _ deltas: UnsafePointer<Float>, _ references: UnsafePointer<Float>, count: Int, centerWeight: Float,
        sizeWeight: Float, greatestGrowth: Float, height: Int, width: Int, into boxes: UnsafeMutablePointer<Float>
    ) {
        var coder = ck_box_coder(
            center_weight: centerWeight, size_weight: sizeWeight, greatest_growth: greatestGrowth,
            height: Float(height), width: Float(width))
        ck_decode_boxes(deltas, references, count, &coder, boxes)
    }
}

/// Boxes side by side, with which others are compared.
public struct BoxColumns {
    /// x0, y0, x1, y1 and the area of every box, `[5, capacity]`.
    private var values: [Float]
    private var capacity: Int
    /// Boxes.
    public private(set) var count = 0

    /// - Parameter capacity: Boxes for which there is room at first; at least 1.
    public init(capacity: Int) {
        self.capacity = capacity
        values = Array(unsafeUninitializedCapacity: 5 * capacity) { $1 = 5 * capacity }
    }

    /// Adds a box.
    public mutating func append(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float) {
        if count == capacity { grow() }
        values[count] = x0
        values[capacity + count] = y0
        values[2 * capacity + count] = x1
        values[3 * capacity + count] = y1
        values[4 * capacity + count] = (x1 - x0) * (y1 - y0)
        count += 1
    }

    /// Whether the intersection over union with any of the boxes is above a limit, in single precision.
    public func overlaps(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float, limit: Float) -> Bool {
        guard count > 0 else { return false }
        return values.withUnsafeBufferPointer { values in
            let base = values.baseAddress!
            var columns = ck_box_columns(
                x0: base, y0: base + capacity, x1: base + 2 * capacity, y1: base + 3 * capacity,
                area: base + 4 * capacity)
            return withUnsafeBytes(of: (x0, y0, x1, y1)) { box in
                let edges = box.assumingMemoryBound(to: Float.self).baseAddress!
                return ck_overlaps_any(&columns, count, edges, (x1 - x0) * (y1 - y0), limit) != 0
            }
        }
    }

    private mutating func grow() {
        var grown = [Float](repeating: 0, count: 10 * capacity)
        for column in 0..<5 {
            let source = values[column * capacity..<column * capacity + count]
            grown.replaceSubrange(2 * column * capacity..<2 * column * capacity + count, with: source)
        }
        (values, capacity) = (grown, 2 * capacity)
    }
}
