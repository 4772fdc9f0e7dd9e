import Instances

/// How a box moves: a constant-velocity filter each for its centre and its sides.
///
/// Noise grows with the object's size, as in SORT and ByteTrack (arXiv 2110.06864), since both the detector's error and
/// an object's acceleration in the picture do. The four coordinates are independent, hence four small filters and not
/// one of eight states.
struct BoxMotion: Equatable, Sendable {
    private var x: ConstantVelocity
    private var y: ConstantVelocity
    private var width: ConstantVelocity
    private var height: ConstantVelocity

    /// Starts at rest at a box with positive sides.
    init(_ box: Box, tuning: Tuning) {
        let scale = (Double(box.width) * Double(box.height)).squareRoot()
        let start = { (position: Float) in
            ConstantVelocity(
                position: Double(position), positionVariance: square(2 * tuning.measurementNoise * scale),
                velocityVariance: square(tuning.initialVelocity * scale))
        }
        x = start((box.x0 + box.x1) / 2)
        y = start((box.y0 + box.y1) / 2)
        width = start(box.width)
        height = start(box.height)
    }

    /// The expected box, with sides of at least a pixel.
    var box: Box {
        let (w, h) = (max(width.position, 1), max(height.position, 1))
        return Box(
            x0: Float(x.position - w / 2), y0: Float(y.position - h / 2), x1: Float(x.position + w / 2),
            y1: Float(y.position + h / 2))
    }

    /// Moves on by `frames`.
    mutating func predict(frames: Double, tuning: Tuning) {
        let position = square(tuning.positionNoise * scale)
        let velocity = square(tuning.velocityNoise * scale)
        x.predict(frames: frames, positionNoise: position, velocityNoise: velocity)
        y.predict(frames: frames, positionNoise: position, velocityNoise: velocity)
        width.predict(frames: frames, positionNoise: position, velocityNoise: velocity)
        height.predict(frames: frames, positionNoise: position, velocityNoise: velocity)
    }

    /// Takes a seen box into account; `noise` multiplies the error of a sure detection.
    mutating func correct(_ box: Box, noise: Double, tuning: Tuning) {
        let variance = square(noise * tuning.measurementNoise * scale)
        x.correct(Double(box.x0 + box.x1) / 2, variance: variance)
        y.correct(Double(box.y0 + box.y1) / 2, variance: variance)
        width.correct(Double(box.width), variance: variance)
        height.correct(Double(box.height), variance: variance)
    }

    /// Lets the sides keep their lengths from now on.
    ///
    /// An object shrinks in sight while another covers it, and must not go on shrinking behind it.
    mutating func holdSides() {
        width.stop()
        height.stop()
    }

    /// Stays at the expected place from now on.
    mutating func rest() {
        x.stop()
        y.stop()
        holdSides()
    }

    /// The length that noise is measured in, pixels.
    private var scale: Double { (max(width.position, 1) * max(height.position, 1)).squareRoot() }
}

private func square(_ value: Double) -> Double { value * value }
