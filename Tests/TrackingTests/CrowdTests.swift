import Foundation
import Instances
import RandomNumbers
import Testing

@testable import Tracking

@Suite struct CrowdTests {
    /// Random objects that come, go, jump and vary in score, with duplicates and nonsense among them.
    private func crowd(seed: UInt64, frames: Int, objects: Int) -> [[Instance]] {
        var random = SplitMix64(seed: seed)
        var places = (0..<objects).map { _ in
            (x: Float.random(in: 0...600, using: &random), y: Float.random(in: 0...300, using: &random))
        }
        return (0..<frames).map { _ in
            places.indices.compactMap { i in
                places[i].x += Float.random(in: -8...8, using: &random)
                places[i].y += Float.random(in: -8...8, using: &random)
                guard Int.random(in: 0..<6, using: &random) > 0 else { return nil }
                let (width, height) = (
                    Float.random(in: -1...60, using: &random), Float.random(in: 5...60, using: &random)
                )
                return Instance(
                    categoryID: i % 3, category: "\(i % 3)", score: .random(in: 0...1, using: &random),
                    box: Box(x0: places[i].x, y0: places[i].y, x1: places[i].x + width, y1: places[i].y + height))
            }
        }
    }

    @Test(arguments: 0..<6)
    func `no identity stands twice in a frame, changes its class or comes out of order`(seed: UInt64) throws {
        // With every object reported: one that hides as a second sighting has its number and shows it later.
        var configuration = TrackerConfiguration()
        configuration.duplicateThreshold = 1
        try follow(crowd(seed: seed, frames: 120, objects: 60), configuration, inOrder: true)
    }

    @Test(arguments: 0..<6)
    func `second sightings that come and go leave one object of one class`(seed: UInt64) throws {
        var random = SplitMix64(seed: 100 + seed)
        let frames = crowd(seed: seed, frames: 120, objects: 40).map { objects in
            objects.flatMap { object in
                var second = object
                second.categoryID = (object.categoryID + 1) % 3
                second.category = "\(second.categoryID)"
                second.score = random.next() % 4 == 0 ? object.score : object.score / 2
                return [object, second].filter { _ in random.next() % 5 > 0 }
            }
        }
        try follow(frames, TrackerConfiguration(), inOrder: false)
    }

    /// Expects every identity once in a frame, of one class, and no object twice.
    private func follow(_ frames: [[Instance]], _ configuration: TrackerConfiguration, inOrder: Bool) throws {
        var tracker = try Tracker(configuration: configuration)
        var classes: [Int: Int] = [:]
        for (frame, detections) in frames.enumerated() {
            let objects = tracker.update(with: detections, at: Double(frame) / 30)
            let tracked = objects.filter { $0.trackID != nil }
            let ids = tracked.compactMap(\.trackID)
            #expect(Set(ids).count == ids.count)
            let fresh = ids.filter { classes[$0] == nil }.sorted()
            if inOrder { #expect(fresh == Array((classes.count + 1)..<(classes.count + 1 + fresh.count))) }
            for object in tracked {
                guard let id = object.trackID else { continue }
                #expect(classes[id, default: object.categoryID] == object.categoryID)
                classes[id] = object.categoryID
                #expect(object.score >= 0.1)
            }
            for (place, object) in tracked.enumerated() {
                for other in tracked[..<place] where other.categoryID != object.categoryID {
                    #expect(Double(object.box.intersectionOverUnion(other.box)) <= configuration.duplicateThreshold)
                }
            }
        }
        #expect(!classes.isEmpty)
    }

    @Test func `the same frames give the same identities`() throws {
        let frames = crowd(seed: 99, frames: 80, objects: 40)
        var (first, second) = (try Tracker(), try Tracker())
        for (frame, detections) in frames.enumerated() {
            let time = Double(frame) / 30
            #expect(first.update(with: detections, at: time) == second.update(with: detections, at: time))
        }
    }

    @Test func `steady objects far apart keep one identity each`() throws {
        var random = SplitMix64(seed: 4)
        var tracker = try Tracker()
        var seen = [Set<Int>](repeating: [], count: 48)
        for frame in 0..<90 {
            let detections = (0..<48).map { i in
                let x = Float(i % 8) * 100 + 20 * sin(Float(frame) / 12 + Float(i))
                let y = Float(i / 8) * 100 + Float.random(in: -1.5...1.5, using: &random)
                return Instance(
                    categoryID: 1, category: "a", score: .random(in: 0.3...1, using: &random),
                    box: Box(x0: x, y0: y, x1: x + 40, y1: y + 40))
            }
            for (i, object) in tracker.update(with: detections, at: Double(frame) / 30).enumerated() {
                if let id = object.trackID { seen[i].insert(id) }
            }
        }
        #expect(seen.allSatisfy { $0.count == 1 })
    }
}
