/// A Kalman filter over one coordinate that moves at a nearly constant velocity.
///
/// State (position, velocity); only the position is measured. The process noise is a random walk of the position and a
/// random walk of the velocity in continuous time, so that two predictions over a and b frames equal one over a + b
/// (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", section 6.2.2).
struct ConstantVelocity: Equatable, Sendable {
    /// Expected position, pixels.
    private(set) var position: Double
    /// Expected velocity, pixels a frame.
    private(set) var velocity: Double
    /// Variance of the position, pixels².
    private(set) var positionVariance: Double
    /// Covariance of position and velocity.
    private(set) var covariance: Double
    /// Variance of the velocity.
    private(set) var velocityVariance: Double

    /// Starts at rest at a measured position.
    init(position: Double, positionVariance: Double, velocityVariance: Double) {
        self.position = position
        self.velocity = 0
        self.positionVariance = positionVariance
        self.covariance = 0
        self.velocityVariance = velocityVariance
    }

    /// Moves on by `frames`; the noises are variances added each frame.
    mutating func predict(frames dt: Double, positionNoise: Double, velocityNoise: Double) {
        position += velocity * dt
        positionVariance +=
            dt * (2 * covariance + dt * velocityVariance) + positionNoise * dt + velocityNoise * dt * dt * dt / 3
        covariance += dt * velocityVariance + velocityNoise * dt * dt / 2
        velocityVariance += velocityNoise * dt
    }

    /// Takes a measured position of the given variance (greater than 0) into account.
    mutating func correct(_ measured: Double, variance: Double) {
        let total = positionVariance + variance
        let (positionGain, velocityGain) = (positionVariance / total, covariance / total)
        let innovation = measured - position
        position += positionGain * innovation
        velocity += velocityGain * innovation
        velocityVariance -= velocityGain * covariance
        covariance -= positionGain * covariance
        positionVariance -= positionGain * positionVariance
    }

    /// Sets the expected velocity to 0.
    mutating func stop() { velocity = 0 }
}
