import Instances

/// Fills polygons pixel for pixel as COCO's own tools do: the outline is walked at five times the resolution, and what of it crosses the
/// middle of a column begins or ends a run there.
enum PolygonRasterizer {
    private static let scale = 5.0

    /// - Parameter corners: x, y, x, y, and so on; at least three points, each finite and not too far away.
    static func mask(_ corners: [Double], height: Int, width: Int) -> Mask {
        let points = outline(corners)
        var crossings: [Int] = []
        for (before, point) in zip(points, points.dropFirst()) where before.x != point.x {
            // A crossing counts in the column whose middle lies between the two, if there is one.
            let column = (Double(min(point.x, before.x < point.x ? point.x - 1 : point.x)) + 0.5) / scale - 0.5
            guard column == column.rounded(.down), column >= 0, column <= Double(width - 1) else { continue }
            let row = (Double(min(point.y, before.y)) + 0.5) / scale - 0.5
            crossings.append(Int(column) * height + Int(min(max(row, 0), Double(height)).rounded(.up)))
        }
        crossings.append(height * width)
        crossings.sort()
        var runs: [UInt32] = []
        var (position, index) = (0, 0)
        // Two crossings at one place cancel each other out.
        while index < crossings.count {
            let length = crossings[index] - position
            position = crossings[index]
            index += 1
            if length > 0 || runs.isEmpty {
                runs.append(UInt32(length))
            } else if index < crossings.count {
                runs[runs.count - 1] += UInt32(crossings[index] - position)
                position = crossings[index]
                index += 1
            }
        }
        return Mask(width: width, height: height, runs: runs)
    }

    /// The points of the outline on the finer grid, one after the other along each edge's longer side.
    private static func outline(_ corners: [Double]) -> [(x: Int, y: Int)] {
        var fine = stride(from: 0, to: corners.count, by: 2).map {
            (x: Int(scale * corners[$0] + 0.5), y: Int(scale * corners[$0 + 1] + 0.5))
        }
        fine.append(fine[0])
        var points: [(x: Int, y: Int)] = []
        for (start, end) in zip(fine, fine.dropFirst()) {
            let (dx, dy) = (abs(end.x - start.x), abs(end.y - start.y))
            // Each edge is walked from its lower end, so that neighbours share it exactly, and written in its own direction.
            let isTurned = dx >= dy ? start.x > end.x : start.y > end.y
            let (low, high) = isTurned ? (end, start) : (start, end)
            if dx >= dy {
                let slope = dx == 0 ? 0 : Double(high.y - low.y) / Double(dx)
                for step in 0...dx {
                    let t = isTurned ? dx - step : step
                    points.append((t + low.x, Int(Double(low.y) + slope * Double(t) + 0.5)))
                }
            } else {
                let slope = Double(high.x - low.x) / Double(dy)
                for step in 0...dy {
                    let t = isTurned ? dy - step : step
                    points.append((Int(Double(low.x) + slope * Double(t) + 0.5), t + low.y))
                }
            }
        }
        return points
    }
}
