import Testing

@testable import Tracking

@Suite struct ConstantVelocityTests {
    private let start = ConstantVelocity(position: 10, positionVariance: 4, velocityVariance: 9)

    @Test func `prediction moves the mean and adds the variances that the model says`() {
        var filter = start
        filter.predict(frames: 2, positionNoise: 0.5, velocityNoise: 0.3)
        #expect(filter.position == 10)
        // F P Fᵀ + Q with F = [1 2; 0 1], P = diag(4, 9), Q = [0.5·2 + 0.3·8/3, 0.3·4/2; ·, 0.3·2].
        #expect(abs(filter.positionVariance - (4 + 4 * 9 + 1 + 0.8)) < 1e-12)
        #expect(abs(filter.covariance - (2 * 9 + 0.6)) < 1e-12)
        #expect(abs(filter.velocityVariance - (9 + 0.6)) < 1e-12)
    }

    @Test func `correction weighs prediction and measurement by their variances`() {
        var filter = start
        filter.predict(frames: 1, positionNoise: 0, velocityNoise: 0)
        // P = [13 9; 9 9]; with R = 13 the gain is [1/2, 9/26].
        filter.correct(14, variance: 13)
        #expect(abs(filter.position - 12) < 1e-12)
        #expect(abs(filter.velocity - 4 * 9.0 / 26) < 1e-12)
        #expect(abs(filter.positionVariance - 6.5) < 1e-12)
        #expect(abs(filter.covariance - 4.5) < 1e-12)
        #expect(abs(filter.velocityVariance - (9 - 81.0 / 26)) < 1e-12)
    }

    @Test func `two steps are one of their sum`() {
        var once = start
        once.correct(12, variance: 2)
        var twice = once
        once.predict(frames: 3.5, positionNoise: 0.7, velocityNoise: 0.2)
        twice.predict(frames: 1.25, positionNoise: 0.7, velocityNoise: 0.2)
        twice.predict(frames: 2.25, positionNoise: 0.7, velocityNoise: 0.2)
        #expect(abs(once.position - twice.position) < 1e-9)
        #expect(abs(once.positionVariance - twice.positionVariance) < 1e-9)
        #expect(abs(once.covariance - twice.covariance) < 1e-9)
        #expect(abs(once.velocityVariance - twice.velocityVariance) < 1e-9)
    }

    @Test func `a steady motion is learnt, also from frames at uneven distances`() {
        var filter = ConstantVelocity(position: 0, positionVariance: 1, velocityVariance: 4)
        var time = 0.0
        for step in 0..<60 {
            let frames = [1.0, 2, 0.5, 3][step % 4]
            time += frames
            filter.predict(frames: frames, positionNoise: 0.01, velocityNoise: 0.0001)
            filter.correct(2.5 * time, variance: 0.5)
        }
        #expect(abs(filter.velocity - 2.5) < 0.01)
        #expect(abs(filter.position - 2.5 * time) < 0.05)
    }

    @Test func `variances stay positive over a long run`() {
        var filter = start
        for step in 0..<10_000 {
            filter.predict(frames: 1, positionNoise: 1e-6, velocityNoise: 1e-9)
            if step % 3 == 0 { filter.correct(0, variance: 1e-4) }
            #expect(filter.positionVariance > 0)
            #expect(filter.velocityVariance > 0)
            #expect(
                filter.covariance * filter.covariance <= filter.positionVariance * filter.velocityVariance * 1.000001)
        }
    }
}
