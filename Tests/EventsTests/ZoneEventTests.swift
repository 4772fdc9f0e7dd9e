import Instances
import RandomNumbers
import Testing

@testable import Events

@Suite struct ZoneEventTests {
    /// The middle of the picture: 40...60 each way.
    private static let corners: [EventConfiguration.Point] = [
        .init(x: 0.4, y: 0.4), .init(x: 0.6, y: 0.4), .init(x: 0.6, y: 0.6), .init(x: 0.4, y: 0.6),
    ]

    private func configuration(
        _ polygon: [EventConfiguration.Point] = corners, units: EventConfiguration.Units = .fraction,
        categories: Set<Int>? = nil, dwell: Double? = nil, anchor: EventConfiguration.Anchor = .bottom
    ) -> EventConfiguration {
        EventConfiguration(
            zones: [.init(name: "mat", polygon: polygon, units: units, categories: categories, dwell: dwell)],
            updateInterval: nil, anchor: anchor)
    }

    private let across = stride(from: 0.0, through: 100, by: 5).map { ($0, 50.0) }

    @Test func `a track that goes through enters once and leaves once`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk(across) == ["new", "enter mat", "leave mat 0.5"])
    }

    @Test func `pixels and fractions say the same place`() {
        let pixels = Self.corners.map { EventConfiguration.Point(x: $0.x * 100, y: $0.y * 100) }
        var (first, second) = (Trajectory(configuration()), Trajectory(configuration(pixels, units: .pixels)))
        #expect(first.walk(across) == second.walk(across))
    }

    @Test func `the anchor is the middle of the lower edge, or of the box`() {
        // The middle of the box is five pixels above the middle of its lower edge.
        let down = stride(from: 0.0, through: 100, by: 1).map { (50.0, $0) }
        var bottom = Trajectory(configuration())
        _ = bottom.walk(down)
        var center = Trajectory(configuration(anchor: .center))
        _ = center.walk(down)
        let entered = [bottom, center].map { $0.events.first { $0.kind == .enter(zone: "mat") }?.frame ?? 0 }
        #expect(entered[1] - entered[0] == 5)
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func `a track that trembles on the border enters at most once`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var trajectory = Trajectory(configuration())
        _ = trajectory.walk((0..<500).map { _ in (60 + .random(in: -0.9...0.9, using: &random), 50) })
        let words = trajectory.events.map(\.word)
        #expect(words == ["new", "enter mat"])
    }

    @Test func `a track enters anew after it has clearly been outside`() {
        var trajectory = Trajectory(configuration())
        #expect(
            trajectory.walk([(50, 50), (60.5, 50), (59, 50), (61.5, 50), (59, 50)])
                == ["new", "enter mat", "leave mat 0.3", "enter mat"])
    }

    @Test func `predictions do not enter and do not leave`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(30, 50)]) == ["new"])
        #expect(trajectory.walk([(45, 50)], inferred: false).isEmpty)
        #expect(trajectory.walk([(45, 50)]) == ["enter mat"])
        #expect(trajectory.walk([(90, 50)], inferred: false).isEmpty)
    }

    @Test func `a stay is told once it has lasted, once a stay, in held frames too`() {
        var trajectory = Trajectory(configuration(dwell: 1))
        let stay = Array(repeating: (50.0, 50.0), count: 2)
        #expect(trajectory.walk(stay) == ["new", "enter mat"])
        let held = Array(repeating: (50.0, 50.0), count: 30)
        #expect(trajectory.walk(held, inferred: false) == ["dwell mat 1.0"])
        #expect(trajectory.events.last?.frame == 10)
        #expect(trajectory.walk([(0, 0)] + stay + held) == ["leave mat 3.2", "enter mat", "dwell mat 1.0"])
    }

    @Test func `a stay that is too short is not told`() {
        var trajectory = Trajectory(configuration(dwell: 1))
        #expect(trajectory.walk(across) == ["new", "enter mat", "leave mat 0.5"])
    }

    @Test func `a track that ends in a zone leaves it when it was last seen`() {
        var trajectory = Trajectory(configuration())
        _ = trajectory.walk([(50, 50), (50, 50), (50, 50)])
        for _ in 0..<30 { trajectory.add([]) }
        #expect(trajectory.events.map(\.word) == ["new", "enter mat", "leave mat 0.2", "end 0.2"])
    }

    @Test func `a zone counts its categories only, and a track that becomes another leaves`() {
        var trajectory = Trajectory(configuration(categories: [2]))
        #expect(trajectory.walk([(50, 50)], category: 1) == ["new"])
        #expect(trajectory.walk([(50, 50)], category: 2) == ["enter mat", "update"])
        #expect(trajectory.walk([(50, 50)], category: 1) == ["leave mat 0.1", "update"])
    }

    @Test func `what a polygon with crossing sides encloses twice is outside`() {
        // A pentagram; its middle is enclosed twice.
        let star: [EventConfiguration.Point] = [
            .init(x: 50, y: 10), .init(x: 75, y: 85), .init(x: 10, y: 38), .init(x: 90, y: 38), .init(x: 25, y: 85),
        ]
        let shape = ZoneShape(.init(name: "star", polygon: star, units: .pixels), width: 100, height: 100)
        #expect(!shape.contains(.init(x: 50, y: 50)))
        #expect(shape.contains(.init(x: 50, y: 25)))
        #expect(shape.contains(.init(x: 20, y: 42)))
        #expect(!shape.contains(.init(x: 50, y: 80)))
    }

    @Test func `a zone may reach beyond the picture, and so may an anchor`() {
        let polygon: [EventConfiguration.Point] = [
            .init(x: -1, y: 0.9), .init(x: 2, y: 0.9), .init(x: 2, y: 3), .init(x: -1, y: 3),
        ]
        var trajectory = Trajectory(configuration(polygon))
        #expect(trajectory.walk([(50, 80), (50, 120), (-50, 120), (50, 70)]) == ["new", "enter mat", "leave mat 0.2"])
    }

    @Test func `a zone in fractions keeps its place in the picture when the size changes`() {
        var trajectory = Trajectory(configuration())
        #expect(trajectory.walk([(50, 50)]) == ["new", "enter mat"])
        trajectory.width = 200
        trajectory.height = 200
        #expect(trajectory.walk([(100, 100), (115, 100)]).isEmpty)
        #expect(trajectory.walk([(50, 50)]) == ["leave mat 0.3"])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `inside and distance agree with a fine raster`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let corners = (0..<4).map { _ in
            EventConfiguration.Point(x: .random(in: 0...20, using: &random), y: .random(in: 0...20, using: &random))
        }
        let shape = ZoneShape(.init(name: "z", polygon: corners, units: .pixels), width: 20, height: 20)
        for _ in 0..<200 {
            let point = EventConfiguration.Point(
                x: .random(in: 0...20, using: &random), y: .random(in: 0...20, using: &random))
            let radius = shape.distanceToBorder(point)
            // Nothing changes within the distance to the border.
            for step in 0..<16 {
                let angle = Double(step) / 16 * 2 * .pi
                let near = EventConfiguration.Point(
                    x: point.x + 0.99 * radius * cosine(angle), y: point.y + 0.99 * radius * cosine(angle - .pi / 2))
                #expect(shape.contains(near) == shape.contains(point), "\(corners) \(point)")
            }
        }
    }

    /// Good to 1e-6, which directions do not need.
    private func cosine(_ angle: Double) -> Double {
        var (sum, term) = (0.0, 1.0)
        for n in stride(from: 1.0, through: 39, by: 2) {
            sum += term
            term *= -angle * angle / (n * (n + 1))
        }
        return sum
    }
}
