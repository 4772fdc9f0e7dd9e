import Instances
import RandomNumbers
import Testing

@testable import Events

@Suite struct LineEventTests {
    /// From the left to the right through the middle, 30...70: its right hand is below.
    private func configuration(categories: Set<Int>? = nil) -> EventConfiguration {
        EventConfiguration(
            lines: [
                .init(name: "sill", from: .init(x: 0.3, y: 0.5), to: .init(x: 0.7, y: 0.5), categories: categories)
            ], updateInterval: nil)
    }

    private let down = stride(from: 20.0, through: 80, by: 4).map { (50.0, $0) }

    @Test func `a line is crossed to its right and to its left, seen from its first point`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk(down) == ["new", "cross sill left_to_right"])
        #expect(trajectory.walk(down.reversed()) == ["cross sill right_to_left"])
        var upright = Trajectory(
            EventConfiguration(
                lines: [.init(name: "post", from: .init(x: 50, y: 0), to: .init(x: 50, y: 99), units: .pixels)],
                updateInterval: nil))
        // Downwards, the right hand is on the picture's left.
        #expect(upright.walk([(90, 50), (10, 50)]) == ["new", "cross post left_to_right"])
    }

    @Test func `a leap over the line counts as well`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 10), (50, 95)]) == ["new", "cross sill left_to_right"])
    }

    @Test func `what passes beside the line's ends does not cross it`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(20, 10), (20, 90), (80, 90), (80, 10)]) == ["new"])
    }

    @Test func `what goes round the line's end and back through it crosses each time in one direction`() {
        var trajectory = Trajectory(configuration())
        let round = [(50.0, 20.0), (50, 80), (90, 80), (90, 20)]
        #expect(trajectory.walk(round + round) == ["new"] + Array(repeating: "cross sill left_to_right", count: 2))
    }

    @Test func `what creeps along the line and leaves it beyond its end does not cross it`() {
        var trajectory = Trajectory(configuration())
        let creep = stride(from: 50.0, through: 80, by: 1).enumerated().map { ($1, $0 % 2 == 0 ? 49.8 : 50.2) }
        #expect(trajectory.walk([(50, 30)] + creep + [(80, 80)]) == ["new"])
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func `a track that trembles on the line tells nothing until it is clearly over it`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var trajectory = Trajectory(configuration())
        let tremble = (0..<500).map { _ in (50.0, 50 + .random(in: -0.45...0.45, using: &random)) }
        #expect(trajectory.walk([(50, 40)] + tremble) == ["new"])
        #expect(trajectory.walk([(50, 49)]).isEmpty)
        #expect(trajectory.walk(tremble + [(50, 52)]) == ["cross sill left_to_right"])
    }

    @Test func `a track that appears on the line has crossed nothing when it leaves it`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 50), (50, 50.3), (50, 60)]) == ["new"])
        #expect(trajectory.walk([(50, 50), (50, 40)]) == ["cross sill right_to_left"])
    }

    @Test func `a track that stops exactly on the line and goes on has crossed it once`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 40), (50, 50), (50, 50), (50, 60)]) == ["new", "cross sill left_to_right"])
    }

    @Test func `predictions cross nothing`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 40)]) == ["new"])
        #expect(trajectory.walk([(50, 70)], inferred: false).isEmpty)
        #expect(trajectory.walk([(50, 45)]).isEmpty)
    }

    @Test func `a line counts its categories only`() {
        var trajectory = Trajectory(configuration(categories: [2]))
        #expect(trajectory.walk(down) == ["new"])
        #expect(trajectory.walk(down.reversed(), category: 2) == ["update", "cross sill right_to_left"])
    }

    @Test func `a picture of another size crosses nothing by itself`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 70)]) == ["new"])
        trajectory.width = 200
        trajectory.height = 200
        #expect(trajectory.walk([(50, 70), (100, 90)]).isEmpty)
        #expect(trajectory.walk([(100, 120)]) == ["cross sill left_to_right"])
    }
}
