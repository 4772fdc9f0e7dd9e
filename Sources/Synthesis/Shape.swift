import Foundation
import Instances

/// The kinds of object that scenes are made of.
public enum Shape: Int, CaseIterable, Sendable {
    case circle = 1
    case square, triangle, star, hexagon, cross, ring, crescent

    /// The category that annotations carry.
    public var category: Category { Category(id: rawValue, name: "\(self)") }

    /// All categories, as a data set lists them.
    public static var categories: [Category] { allCases.map(\.category) }

    /// Signed distance to the outline, negative inside, of the shape of radius 1 about the origin; y points down.
    func distance(_ x: Float, _ y: Float) -> Float {
        let radius = (x * x + y * y).squareRoot()
        switch self {
        case .circle:
            return radius - 0.9
        case .square:
            return Self.box(x, y, 0.78, 0.78)
        case .triangle:
            return Self.polygon(x, y, corners: 3, inner: 0.5)
        case .star:
            return Self.polygon(x, y, corners: 5, inner: 0.42)
        case .hexagon:
            return Self.polygon(x, y, corners: 6, inner: cos(Float.pi / 6)) + 0.04
        case .cross:
            return min(Self.box(x, y, 0.95, 0.3), Self.box(x, y, 0.3, 0.95))
        case .ring:
            return abs(radius - 0.7) - 0.24
        case .crescent:
            let cut = ((x - 0.5) * (x - 0.5) + y * y).squareRoot()
            return max(radius - 0.95, 0.72 - cut)
        }
    }

    private static func box(_ x: Float, _ y: Float, _ halfWidth: Float, _ halfHeight: Float) -> Float {
        let (dx, dy) = (abs(x) - halfWidth, abs(y) - halfHeight)
        let (ox, oy) = (max(dx, 0), max(dy, 0))
        return (ox * ox + oy * oy).squareRoot() + min(max(dx, dy), 0)
    }

    /// A figure with corners at radius 1, one of them above, and between them points at radius `inner`.
    ///
    /// Every half sector is bounded by one straight edge, to which the distance is taken.
    private static func polygon(_ x: Float, _ y: Float, corners: Int, inner: Float) -> Float {
        let half = Float.pi / Float(corners)
        var angle = atan2(x, -y).truncatingRemainder(dividingBy: 2 * half)
        if angle < 0 { angle += 2 * half }
        if angle > half { angle = 2 * half - angle }
        let radius = (x * x + y * y).squareRoot()
        let (px, py) = (radius * sin(angle), radius * cos(angle))
        // The edge runs from the corner (0, 1) to the point at the half sector's other side.
        let (ex, ey) = (inner * sin(half), inner * cos(half) - 1)
        let length = (ex * ex + ey * ey).squareRoot()
        let along = max(0, min(1, (px * ex + (py - 1) * ey) / (length * length)))
        let (qx, qy) = (px - along * ex, py - 1 - along * ey)
        let side = ex * (py - 1) - ey * px
        let away = (qx * qx + qy * qy).squareRoot()
        return side > 0 ? away : -away
    }
}
