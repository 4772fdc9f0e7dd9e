import Foundation
import RandomNumbers

/// One object's looks and its way through a scene. Lengths are in picture heights, times in seconds.
struct SceneObject: Sendable {
    var shape: Shape
    var radius: Float
    /// Where it is at `middle`.
    var position: SIMD2<Float>
    var velocity: SIMD2<Float>
    /// The time at which it is at `position`.
    var middle: Float
    var angle: Float
    /// Radians a second.
    var spin: Float
    /// Part of the radius by which the size swings.
    var pulse: Float
    /// Radians a second, of the size's swing and of the path's.
    var pace: Float
    /// Sideways swing of the path.
    var sway: Float
    var fill: Texture
    var outline: Colour
    /// Part of the radius that the outline takes; 0 for none.
    var outlineWidth: Float

    /// Draws an object's properties at random, for a picture of `aspect` (width over height).
    init(_ random: inout SplitMix64, aspect: Float, duration: Float) {
        shape = Shape.allCases[random.integer(0...Shape.allCases.count - 1)]
        // Square roots even out the areas, so that small objects do not dominate.
        let share = random.uniform(0...1)
        radius = 0.075 + 0.135 * share
        middle = random.uniform(-1...(duration + 1))
        position = SIMD2(random.uniform(0.04...0.96) * aspect, random.uniform(0.06...0.94))
        let direction = random.uniform(0...(2 * .pi))
        let speed = random.uniform(0.05...0.28)
        velocity = SIMD2(cos(direction), sin(direction)) * speed
        angle = random.uniform(0...(2 * .pi))
        spin = random.uniform(-0.9...0.9)
        pulse = random.uniform(0...0.18)
        pace = random.uniform(0.5...2)
        sway = random.uniform(0...0.06)
        let hue = random.uniform(0...1)
        let first = Colour(
            hue: hue, saturation: random.uniform(0.35...0.95), value: random.uniform(0.45...1))
        let second = Colour(
            hue: (hue + random.uniform(-0.2...0.2) + 1).truncatingRemainder(dividingBy: 1),
            saturation: random.uniform(0.3...0.9), value: random.uniform(0.3...1))
        fill = Texture(
            pattern: Texture.Pattern.allCases[random.integer(0...Texture.Pattern.allCases.count - 1)], first: first,
            second: second, frequency: random.uniform(1.2...3), angle: random.uniform(0...(2 * .pi)),
            seed: random.next())
        outline = first * random.uniform(0.2...0.5)
        outlineWidth = random.chance(0.6) ? random.uniform(0.04...0.09) : 0
    }

    /// Centre, radius and rotation at a time.
    func pose(at time: Float) -> (center: SIMD2<Float>, radius: Float, angle: Float) {
        let elapsed = time - middle
        let sideways = SIMD2(-velocity.y, velocity.x) / max(1e-3, (velocity * velocity).sum().squareRoot())
        let center = position + velocity * elapsed + sideways * (sway * sin(pace * elapsed))
        return (center, radius * (1 + pulse * sin(pace * 0.8 * elapsed)), angle + spin * elapsed)
    }
}
