import Instances
import Testing

@testable import Events

@Suite struct EventDetectorTests {
    private let object = Trajectory.object(50, 50)

    @Test func `a track is new, lasts and ends when it has been out of sight for long enough`() {
        var trajectory = Trajectory(EventConfiguration(updateInterval: 1, lostAfter: 0.5))
        for _ in 0...20 { trajectory.add([object]) }
        for _ in 0..<10 { trajectory.add([]) }
        #expect(trajectory.events.map(\.word) == ["new", "update", "update", "end 2.0"])
        #expect(trajectory.events.map(\.frame) == [0, 10, 20, 26])
        #expect(trajectory.events.allSatisfy { $0.object.trackID == 1 && $0.stream == "door" })
        #expect(trajectory.detector.trackCount == 0)
    }

    @Test func `a track that is out of sight for less goes on`() {
        var trajectory = Trajectory(EventConfiguration(updateInterval: nil, lostAfter: 0.55))
        for frame in 0..<40 { trajectory.add(frame % 6 == 0 ? [object] : []) }
        #expect(trajectory.events.map(\.word) == ["new"])
    }

    @Test func `predicted and held frames keep a track`() {
        var trajectory = Trajectory()
        trajectory.add([object])
        for _ in 0..<100 { trajectory.add([object], inferred: false) }
        #expect(trajectory.events.map(\.word) == ["new"])
    }

    @Test func `a number that comes back after its end begins anew`() {
        var trajectory = Trajectory(EventConfiguration(updateInterval: nil, lostAfter: 0.2))
        for objects in [[object], [], [], [], [object]] { trajectory.add(objects) }
        #expect(trajectory.events.map(\.word) == ["new", "end 0.0", "new"])
    }

    @Test func `a category that changes is told at once`() {
        var trajectory = Trajectory()
        for category in [1, 1, 2, 2, 1] { trajectory.add([Trajectory.object(50, 50, category: category)]) }
        #expect(trajectory.events.map(\.word) == ["new", "update", "update"])
        #expect(trajectory.events.map(\.object.categoryID) == [1, 2, 1])
    }

    @Test func `the end of the stream ends every track, zones first`() {
        let zone = EventConfiguration.Zone(
            name: "all", polygon: [.init(x: -1, y: -1), .init(x: 2, y: -1), .init(x: 2, y: 2), .init(x: -1, y: 2)])
        var trajectory = Trajectory(EventConfiguration(zones: [zone], updateInterval: nil))
        for _ in 0...5 { trajectory.add([Trajectory.object(10, 50, id: 4), Trajectory.object(70, 50, id: 2)]) }
        #expect(
            trajectory.finish().map { "\($0.object.trackID ?? 0) \($0.word)" }
                == ["2 leave all 0.5", "2 end 0.5", "4 leave all 0.5", "4 end 0.5"])
        #expect(trajectory.finish().isEmpty)
    }

    @Test func `an object that the picture's edge cuts off is in a zone that reaches the edge`() {
        let zone = EventConfiguration.Zone(
            name: "mat", polygon: [.init(x: 0, y: 0.5), .init(x: 1, y: 0.5), .init(x: 1, y: 1), .init(x: 0, y: 1)])
        var trajectory = Trajectory(EventConfiguration(zones: [zone], updateInterval: nil))
        var near = Trajectory.object(50, 90)
        near.box.y1 = 100
        for _ in 0...3 { trajectory.add([near]) }
        #expect(trajectory.events.map(\.word) == ["new", "enter mat"])
    }

    @Test func `objects without identity or with impossible boxes tell nothing, and a number counts once a frame`() {
        var bad = object
        bad.box.x0 = .nan
        bad.trackID = 3
        var trajectory = Trajectory()
        trajectory.add([Trajectory.object(1, 1, id: nil), bad, object, object])
        #expect(trajectory.events.map(\.object.trackID) == [1])
    }

    @Test func `masks are left to the frames' own records`() {
        var masked = object
        masked.mask = Mask(width: 100, height: 100, runs: [10_000])
        var trajectory = Trajectory()
        trajectory.add([masked])
        trajectory.finish()
        #expect(trajectory.events.count == 2)
        #expect(trajectory.events.allSatisfy { $0.object.mask == nil })
    }

    @Test func `a time that goes back or is none counts as a frame`() {
        var trajectory = Trajectory(EventConfiguration(updateInterval: nil, lostAfter: 0.25))
        for pts in [100, 100.1, 0, 0.1, .nan, .infinity, -5, -5] { trajectory.add([object], pts: pts) }
        for _ in 0..<3 { trajectory.add([], pts: -9) }
        #expect(trajectory.events.map(\.word) == ["new", "end 0.7"])
    }

    @Test func `a gap in time ends what is not seen after it and nothing else`() {
        var trajectory = Trajectory()
        trajectory.add([Trajectory.object(20, 20, id: 1), Trajectory.object(70, 70, id: 2)], pts: 0)
        trajectory.add([Trajectory.object(20, 20, id: 1)], pts: 3600)
        #expect(trajectory.events.map { "\($0.object.trackID ?? 0) \($0.word)" } == ["1 new", "2 new", "2 end 0.0"])
    }

    @Test func `tracks without end take bounded memory, and each ends as often as it begins`() {
        var trajectory = Trajectory(EventConfiguration(updateInterval: nil, lostAfter: 1e6))
        for frame in 0..<120 {
            trajectory.add((0..<100).map { Trajectory.object(50, 50, id: frame * 100 + $0) })
            #expect(trajectory.detector.trackCount <= EventDetector.greatestCount)
        }
        trajectory.finish()
        #expect(trajectory.events.count { $0.kind == .new } == 12_000)
        #expect(trajectory.events.count { $0.kind.name == "end" } == 12_000)
    }

    @Test func `what does not fit is left out, not told anew in each frame`() {
        let crowd = (0..<(EventDetector.greatestCount + 500)).map { Trajectory.object(50, 50, id: $0) }
        var trajectory = Trajectory()
        for _ in 0..<3 { trajectory.add(crowd) }
        #expect(trajectory.events.count == EventDetector.greatestCount)
    }

    @Test func `a configuration that cannot be used tells nothing and does no harm`() {
        let nowhere = EventConfiguration.Point(x: .nan, y: .infinity)
        let configuration = EventConfiguration(
            zones: [
                .init(name: "a", polygon: []), .init(name: "b", polygon: [nowhere, nowhere, nowhere]),
                .init(name: "c", polygon: [.init(x: 0, y: 0)]),
            ],
            lines: [
                .init(name: "d", from: nowhere, to: nowhere),
                .init(name: "e", from: .init(x: 0, y: 0), to: .init(x: 0, y: 0)),
            ], updateInterval: nil, lostAfter: -1, margin: .nan)
        var trajectory = Trajectory(configuration)
        trajectory.width = 0
        trajectory.height = 0
        for place in 0..<100 { trajectory.add([Trajectory.object(Double(place), 50)]) }
        #expect(trajectory.events.map(\.word) == ["new"])
    }
}
