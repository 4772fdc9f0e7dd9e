import Instances

extension Box {
    /// The part that lies in a picture; without sides where none does.
    func clipped(width: Int, height: Int) -> Box {
        let (right, bottom) = (Float(width), Float(height))
        return Box(
            x0: min(max(x0, 0), right), y0: min(max(y0, 0), bottom), x1: min(max(x1, 0), right),
            y1: min(max(y1, 0), bottom))
    }

    /// The box with every side moved out by `fraction` of the side it is on.
    func expanded(by fraction: Float) -> Box {
        let (x, y) = (width * fraction, height * fraction)
        return Box(x0: x0 - x, y0: y0 - y, x1: x1 + x, y1: y1 + y)
    }

    /// The part of the smaller of two boxes that lies in the greater, 0...1.
    func containment(_ other: Box) -> Float {
        let w = min(x1, other.x1) - max(x0, other.x0)
        let h = min(y1, other.y1) - max(y0, other.y0)
        let smaller = min(area, other.area)
        return w > 0 && h > 0 && smaller > 0 ? w * h / smaller : 0
    }
}
