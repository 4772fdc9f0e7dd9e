import Instances
import RandomNumbers
import Testing

@testable import Events

@Suite struct RandomWalkTests {
    private static let configuration = EventConfiguration(
        zones: [
            .init(
                name: "left",
                polygon: [.init(x: -9, y: -9), .init(x: 0.5, y: -9), .init(x: 0.5, y: 9), .init(x: -9, y: 9)]),
            .init(
                name: "bow", polygon: [.init(x: 0, y: 0), .init(x: 1, y: 1), .init(x: 1, y: 0), .init(x: 0, y: 1)],
                categories: [0, 1], dwell: 0.5),
            .init(
                name: "strip",
                polygon: [.init(x: 0, y: 30), .init(x: 100, y: 30), .init(x: 100, y: 31), .init(x: 0, y: 31)],
                units: .pixels),
        ],
        lines: [
            // So long that nothing goes round it.
            .init(name: "long", from: .init(x: 0.5, y: -99), to: .init(x: 0.5, y: 99)),
            .init(name: "short", from: .init(x: 0.2, y: 0.4), to: .init(x: 0.8, y: 0.7)),
        ], updateInterval: 0.7, lostAfter: 0.4)

    /// Objects that walk at random and come, go, flicker and are nonsense at times; now and then a frame is late or a prediction.
    private func frames(seed: UInt64, count: Int, sizes: [Int]) -> [FrameResult] {
        var random = SplitMix64(seed: seed)
        var places = (0..<30).map { _ in
            (x: Double.random(in: 0...100, using: &random), y: Double.random(in: 0...100, using: &random))
        }
        var (pts, categories) = (0.0, (0..<30).map { $0 % 3 })
        return (0..<count).map { frame in
            pts += Int.random(in: 0..<40, using: &random) == 0 ? .random(in: -2...2, using: &random) : 0.1
            let size = sizes[frame * sizes.count / count]
            let objects = places.indices.compactMap { index -> Instance? in
                places[index].x = min(max(places[index].x + .random(in: -4...4, using: &random), -10), 110)
                places[index].y = min(max(places[index].y + .random(in: -4...4, using: &random), -10), 110)
                if Int.random(in: 0..<50, using: &random) == 0 { categories[index] = (categories[index] + 1) % 3 }
                guard Int.random(in: 0..<(index + 2), using: &random) > 0 else { return nil }
                let place = (places[index].x * Double(size) / 100, places[index].y * Double(size) / 100)
                // Numbers change their bearer now and then, so that they come back.
                var object = Trajectory.object(
                    place.0, place.1, id: (index + frame / 60) % 40, category: categories[index])
                if Int.random(in: 0..<60, using: &random) == 0 { object.box.y1 = .nan }
                return object
            }
            return FrameResult(
                stream: "s", frame: frame, pts: pts, width: size, height: size,
                inferred: Int.random(in: 0..<3, using: &random) > 0, objects: objects)
        }
    }

    private func events(of frames: [FrameResult]) -> [StreamEvent] {
        var detector = EventDetector(configuration: Self.configuration, stream: "s")
        let told = frames.flatMap { detector.update(with: $0) }
        return told + detector.finish(frame: frames.count, pts: 0, time: nil)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `every life and every stay begins once and ends once`(seed: UInt64) {
        let told = events(of: frames(seed: seed, count: 400, sizes: [100, 160, 100]))
        #expect(Set(told.map(\.kind.name)) == ["new", "update", "end", "enter", "leave", "dwell", "cross"])
        for (id, events) in Dictionary(grouping: told, by: { $0.object.trackID ?? -1 }) {
            var isAlive = false
            var stays: [String: Bool] = [:]
            for event in events {
                #expect(isAlive == (event.kind != .new), "track \(id): \(event.word) at \(event.frame)")
                switch event.kind {
                case .new: isAlive = true
                case .update, .cross: break
                case .enter(let zone):
                    #expect(stays.updateValue(false, forKey: zone) == nil)
                case .dwell(let zone, let seconds):
                    #expect(stays[zone] == false && seconds == 0.5)
                    stays[zone] = true
                case .leave(let zone, let seconds):
                    #expect(stays.removeValue(forKey: zone) != nil && seconds >= 0)
                case .end(let seconds):
                    #expect(stays.isEmpty && seconds >= 0)
                    isAlive = false
                }
            }
            #expect(!isAlive)
        }
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.frame <= $1.frame })
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `a line without ends is crossed to one side and the other in turn`(seed: UInt64) {
        let told = events(of: frames(seed: seed, count: 400, sizes: [100]))
        var last: [Int: StreamEvent.Direction] = [:]
        var count = 0
        for event in told {
            let id = event.object.trackID ?? -1
            if event.kind == .new { last[id] = nil }
            guard case .cross("long", let direction) = event.kind else { continue }
            #expect(last.updateValue(direction, forKey: id) != direction)
            count += 1
        }
        #expect(count > 20)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `a jitter within the margin adds no event of a zone or line`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        // Straight ways, on which every border is met once; the boxes' sides are 10 pixels, so that the margin is 1 and 0.5.
        for _ in 0..<50 {
            let from = (Double.random(in: 0...100, using: &random), Double.random(in: 0...100, using: &random))
            let to = (Double.random(in: 0...100, using: &random), Double.random(in: 0...100, using: &random))
            func way(jitter: Double) -> [String] {
                var trajectory = Trajectory(
                    EventConfiguration(
                        zones: [Self.configuration.zones[0]], lines: [Self.configuration.lines[0]], updateInterval: nil)
                )
                let places = (0...60).map { step in
                    let t = Double(step) / 60
                    let tremble = Double.random(in: -1...1, using: &random) * jitter
                    return (from.0 + t * (to.0 - from.0) + tremble, from.1 + t * (to.1 - from.1))
                }
                return trajectory.walk(places).map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
                    .sorted()
            }
            // Ways that end near the border may or may not have crossed it.
            guard abs(from.0 - 50) > 2, abs(to.0 - 50) > 2 else { continue }
            #expect(way(jitter: 0) == way(jitter: 0.45), "seed \(seed): from \(from) to \(to)")
        }
    }

    @Test func `the same frames tell the same events`() {
        let frames = frames(seed: 77, count: 200, sizes: [100, 50])
        #expect(events(of: frames) == events(of: frames))
    }
}
