import Instances
import RandomNumbers
import Testing

@testable import Tracking

@Suite struct TrackerTests {
    private func square(
        _ x: Float, _ y: Float, side: Float = 40, score: Float = 0.9, category: Int = 1, mask: Mask? = nil
    ) -> Instance {
        Instance(
            categoryID: category, category: "class \(category)", score: score,
            box: Box(x0: x, y0: y, x1: x + side, y1: y + side), mask: mask)
    }

    /// Runs frames at 30 a second and returns the identities, in the detections' order.
    private func identities(
        _ frames: [[Instance]], _ configuration: TrackerConfiguration = TrackerConfiguration()
    ) throws -> [[Int?]] {
        var tracker = try Tracker(configuration: configuration)
        return frames.enumerated().map { tracker.update(with: $1, at: Double($0) / 30).map(\.trackID) }
    }

    @Test func `a moving object keeps the first identity`() throws {
        let frames = (0..<50).map { [square(Float($0) * 6, 100)] }
        #expect(try identities(frames) == Array(repeating: [1], count: 50))
    }

    @Test func `detections come back in their order and otherwise unchanged`() throws {
        var tracker = try Tracker()
        let detections = [square(0, 0, score: 0.2), square(200, 0), square(400, 0, score: 0.7)]
        var result = tracker.update(with: detections, at: 0)
        #expect(result.map(\.trackID) == [nil, 1, 2])
        for index in result.indices { result[index].trackID = nil }
        #expect(result == detections)
    }

    @Test func `an identity that the input carries is not passed on`() throws {
        var tracker = try Tracker()
        var detection = square(0, 0, score: 0.3)
        detection.trackID = 9
        #expect(tracker.update(with: [detection], at: 0).map(\.trackID) == [nil])
    }

    @Test func `an object that comes later gets its identity in its second frame`() throws {
        let frames = (0..<5).map { i in [square(0, 0)] + (i >= 2 ? [square(300, 0)] : []) }
        #expect(try identities(frames) == [[1], [1], [1, nil], [1, 2], [1, 2]])
    }

    @Test func `an object seen as two classes is reported once, as the one it has been of late`() throws {
        let frames = (0..<6).map { i in
            // From the third frame on the second class even scores higher.
            [square(0, 0, score: 0.8)] + (i >= 2 ? [square(2, 1, score: 0.9, category: 2)] : [])
        }
        #expect(try identities(frames) == Array(repeating: [1], count: 6))
        var all = TrackerConfiguration()
        all.duplicateThreshold = 1
        #expect(try identities(frames, all).map(\.count) == [1, 1, 2, 2, 2, 2])
    }

    @Test func `an object followed through a stillness keeps its class against one that scores higher`() throws {
        var tracker = try Tracker()
        _ = tracker.update(with: [square(0, 0, score: 0.8)], at: 0)
        for frame in 1...20 { #expect(tracker.hold(at: Double(frame) / 30, settling: 1).map(\.trackID) == [1]) }
        // As if it had been seen in every frame: ten of the other class do not outweigh it.
        for frame in 21...30 {
            let detections = [square(0, 0, score: 0.5), square(2, 1, score: 0.9, category: 2)]
            #expect(tracker.update(with: detections, at: Double(frame) / 30).map(\.trackID) == [1])
        }
    }

    @Test func `an object that has looked like another class for a while is reported as that one`() throws {
        let frames = (0..<130).map { i in
            [square(0, 0, score: i < 60 ? 0.9 : 0.2)] + (i >= 60 ? [square(2, 1, score: 0.9, category: 2)] : [])
        }
        let result = try identities(frames)
        #expect(result[..<75] == Array(repeating: [1], count: 75)[...])
        // Without a memory that fades, the first sixty frames would outweigh even the next seventy.
        #expect(result[95...] == Array(repeating: [2], count: 35)[...])
    }

    @Test(arguments: [1, 6, 15, 30])
    func `an object that looks as much like one class as like another does not change to and fro`(gap: Int) throws {
        var random = SplitMix64(seed: 7)
        var tracker = try Tracker()
        var (changes, last) = (0, 1)
        for look in 0..<400 {
            let detections = [1, 2].map { category in
                square(0, Float(category), score: Float(0.7 + 0.08 * random.normal()), category: category)
            }
            let ids = tracker.update(with: detections, at: Double(look * gap) / 30).compactMap(\.trackID)
            #expect(ids.count == 1)
            if ids[0] != last { changes += 1 }
            last = ids[0]
        }
        #expect(changes <= 2)
    }

    @Test func `an object that shows itself as another class for a few frames keeps its identity and class`() throws {
        var tracker = try Tracker()
        for frame in 0..<60 {
            // The object's own class is not found in every third frame.
            let own = frame < 30 || frame % 3 > 0 ? [square(Float(frame), 0, score: 0.8)] : []
            let detections = own + (frame > 10 ? [square(Float(frame), 1, score: 0.6, category: 2)] : [])
            let objects = tracker.update(with: detections, at: Double(frame) / 30)
            #expect(objects.map(\.trackID) == [1])
            #expect(objects.map(\.categoryID) == [1])
            #expect(objects.map(\.category) == ["class 1"])
            #expect(objects[0].score == (own.isEmpty ? 0.6 : 0.8))
        }
        // What is there when it is gone for good is the other class.
        for frame in 60..<120 {
            let objects = tracker.update(
                with: [square(Float(frame), 1, score: 0.6, category: 2)], at: Double(frame) / 30)
            if frame >= 100 { #expect(objects.map(\.categoryID) == [2]) }
        }
    }

    @Test func `an object that is looked at rarely keeps its identity where looks show it as another class`() throws {
        var tracker = try Tracker()
        for look in 0..<40 {
            let isMissed = [20, 27, 28].contains(look)
            let detections = (isMissed ? [] : [square(0, 0, score: 0.8)]) + [square(0, 1, score: 0.6, category: 2)]
            #expect(tracker.update(with: detections, at: Double(look) / 2).map(\.trackID) == [1])
        }
    }

    @Test func `an object that is missed in the second frame of its other class keeps its identity`() throws {
        let frames = (0..<20).map { i in
            (i == 11 ? [] : [square(0, 0, score: 0.8)]) + (i >= 10 ? [square(0, 1, score: 0.6, category: 2)] : [])
        }
        #expect(try identities(frames) == Array(repeating: [1], count: 20))
    }

    @Test func `a track that takes any class keeps its identity beside a second sighting, and is what it is seen as`()
        throws
    {
        var configuration = TrackerConfiguration()
        configuration.classAware = false
        var tracker = try Tracker(configuration: configuration)
        for frame in 0..<40 {
            let own = frame % 3 > 0 || frame < 20 ? [square(0, 0, score: 0.8)] : []
            let detections = own + [square(0, 1, score: 0.6, category: 2)]
            let objects = tracker.update(with: detections, at: Double(frame) / 30)
            #expect(objects.map(\.trackID) == [1])
            #expect(objects.map(\.categoryID) == [own.isEmpty ? 2 : 1])
        }
    }

    @Test func `an object seen as three classes is reported once`() throws {
        let frames = (0..<40).map { i in
            (1...3).filter { (i + $0) % 4 > 0 }.map { square(0, Float($0), score: 0.9 - 0.1 * Float($0), category: $0) }
        }
        #expect(try identities(frames)[2...].allSatisfy { $0.count == 1 })
    }

    @Test func `an object that passes over another of its size and hides it does not take its identity`() throws {
        // For some frames both are seen, and overlap as much as two sightings of one object do.
        var tracker = try Tracker()
        for frame in 0..<120 {
            let x = Float(4 * (frame - 60))
            let isHidden = abs(x) < 8
            let detections = (isHidden ? [] : [square(0, 0)]) + [square(x, 0, score: 0.6, category: 2)]
            let objects = tracker.update(with: detections, at: Double(frame) / 30)
            for object in objects { #expect(object.trackID == object.categoryID) }
            for object in objects where object.categoryID == 2 { #expect(object.box.x0 == x) }
            #expect(objects.count == (isHidden || abs(x) < 14 ? 1 : 2))
            if isHidden { #expect(objects.map(\.trackID) == [2]) }
        }
    }

    @Test func `nothing changes while the picture stands still`() throws {
        var tracker = try Tracker()
        for frame in 0..<112 {
            // What began late scores better, and would be what the object is in a while.
            let detections =
                [square(0, 0, score: 0.6)] + (frame >= 100 ? [square(0, 1, score: 0.9, category: 2)] : [])
            #expect(tracker.update(with: detections, at: Double(frame) / 30).map(\.trackID) == [1])
        }
        for frame in 112..<1000 { #expect(tracker.hold(at: Double(frame) / 30, settling: 1).map(\.trackID) == [1]) }
    }

    @Test func `a sure detection in its first frame does not hide an object that is known`() throws {
        let frames = [[square(0, 0, score: 0.5)], [square(0, 0, score: 0.5), square(1, 0, score: 0.99, category: 2)]]
        #expect(try identities(frames) == [[1], [1]])
    }

    @Test func `objects of two classes with boxes alike and masks apart are both reported`() throws {
        func half(_ rows: Range<Int>) -> Mask {
            Mask(width: 50, height: 50, bitmap: (0..<2500).map { rows.contains($0 / 50) ? 1 : 0 })
        }
        let frames = (0..<3).map { _ in
            [square(0, 0, mask: half(0..<20)), square(1, 1, category: 2, mask: half(20..<40))]
        }
        #expect(try identities(frames) == Array(repeating: [1, 2], count: 3))
    }

    @Test func `what shows in one frame only never gets an identity`() throws {
        let frames = (0..<6).map { i in [square(0, 0)] + (i == 2 || i == 4 ? [square(300, 0)] : []) }
        #expect(try identities(frames).flatMap { $0 }.compactMap { $0 }.allSatisfy { $0 == 1 })
    }

    @Test(arguments: [1, 10, 40])
    func `an object that moves on behind another is known again`(hidden: Int) throws {
        let frames = (0..<100).map { i in
            (30..<(30 + hidden)).contains(i) ? [] : [square(Float(i) * 4, 50)]
        }
        #expect(Set(try identities(frames).flatMap { $0 }) == [1])
    }

    @Test func `an object that comes out from behind another in part is known again`() throws {
        let (width, side): (Float, Float) = (400, 40)
        let frames = (0..<80).map { i -> [Instance] in
            // A wall from 150 to 200 hides all of it for a while; its box is what can be seen beside the wall.
            let (left, right) = (Float(i) * 4, Float(i) * 4 + side)
            let box =
                right <= 200
                ? Box(x0: left, y0: 50, x1: min(right, 150), y1: 90)
                : Box(x0: max(left, 200), y0: 50, x1: right, y1: 90)
            let visible = max(0, box.width) / side
            guard box.x1 < width, visible > 0.2 else { return [] }
            return [Instance(categoryID: 1, category: "a", score: 0.3 + 0.6 * visible, box: box)]
        }
        #expect(frames.filter(\.isEmpty).count > 5)
        let found = try identities(frames)
        #expect(Set(found.flatMap { $0 }.compactMap { $0 }) == [1])
        #expect(found.suffix(10) == Array(repeating: [1], count: 10)[...])
    }

    @Test func `objects that cross keep their identities`() throws {
        let frames = (0..<61).map { i -> [Instance] in
            [square(Float(i) * 5, Float(i) * 3), square(300 - Float(i) * 5, Float(i) * 3 + 15)]
        }
        #expect(try identities(frames) == Array(repeating: [1, 2], count: 61))
    }

    @Test func `objects of two classes in one place are two tracks, unless classes are ignored`() throws {
        let frames = (0..<8).map { i in [square(10, 10, category: i < 4 ? 1 : 2)] }
        #expect(try identities(frames) == [[1], [1], [1], [1], [nil], [2], [2], [2]])
        var configuration = TrackerConfiguration()
        configuration.classAware = false
        #expect(try identities(frames, configuration) == Array(repeating: [1], count: 8))
    }

    @Test func `a score that falls below the high threshold continues a track, but starts none`() throws {
        let scores: [Float] = [0.9, 0.9, 0.3, 0.15, 0.3, 0.9]
        let frames = scores.enumerated().map { i, score in
            [square(Float(i) * 5, 0, score: score), square(300, 0, score: min(score, 0.45))]
        }
        #expect(try identities(frames) == Array(repeating: [1, nil], count: 6))
    }

    @Test func `a score below the low threshold continues nothing`() throws {
        let frames = [0.9, 0.9, 0.09, 0.9].map { [square(0, 0, score: $0)] }
        #expect(try identities(frames) == [[1], [1], [nil], [1]])
    }

    @Test func `a track needs new_track_thresh to start, and less to go on`() throws {
        var configuration = TrackerConfiguration()
        configuration.newTrackThreshold = 0.7
        let frames = [0.6, 0.6, 0.75, 0.6, 0.6].map { [square(0, 0, score: $0)] }
        #expect(try identities(frames, configuration) == [[nil], [nil], [nil], [1], [1]])
    }

    @Test func `a track lives through track_buffer frames without a detection and not through more`() throws {
        var configuration = TrackerConfiguration()
        configuration.trackBuffer = 5
        func gap(_ length: Int) -> [[Instance]] {
            [[square(0, 0)]] + Array(repeating: [], count: length) + [[square(0, 0)], [square(0, 0)]]
        }
        #expect(try identities(gap(5), configuration).last == [1])
        #expect(try identities(gap(6), configuration).last == [2])
    }

    @Test func `frames that are missing count as frames`() throws {
        var configuration = TrackerConfiguration()
        configuration.trackBuffer = 5
        var tracker = try Tracker(configuration: configuration, frameInterval: 0.1)
        func update(_ seconds: Double) -> Int? { tracker.update(with: [square(0, 0)], at: seconds).first?.trackID }
        #expect(update(0) == 1)
        #expect(update(0.6) == 1)
        #expect(update(1.3) == nil)
        #expect(update(1.4) == 2)
    }

    @Test func `a fast object is followed over dropped frames`() throws {
        var tracker = try Tracker()
        for frame in [0, 1, 2, 3, 4, 5, 8, 9, 13, 14, 15, 20, 21, 27] {
            let result = tracker.update(with: [square(Float(frame) * 15, 0)], at: Double(frame) / 30)
            #expect(result.first?.trackID == 1)
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, -5, 0, 1e300])
    func `a clock that jumps does no harm`(time: Double) throws {
        var tracker = try Tracker()
        for frame in 0..<5 { _ = tracker.update(with: [square(0, 0)], at: Double(frame) / 30) }
        _ = tracker.update(with: [square(0, 0)], at: time)
        let next = tracker.update(with: [square(0, 0)], at: time + 1.0 / 30)
        let last = tracker.update(with: [square(0, 0)], at: time + 2.0 / 30)
        #expect(next.count == 1)
        #expect(last.first?.trackID != nil)
        #expect(tracker.predicted(at: .nan, width: 640, height: 360).count == 1)
    }

    @Test func `empty frames give nothing`() throws {
        var tracker = try Tracker()
        #expect(tracker.predicted(at: 0, width: 640, height: 360).isEmpty)
        #expect(tracker.update(with: [], at: 0).isEmpty)
        #expect(tracker.predicted(at: 1, width: 640, height: 360).isEmpty)
        #expect(try identities([[], [square(0, 0)], [square(0, 0)]]) == [[], [nil], [1]])
    }

    @Test func `boxes without size or of impossible numbers are handed back untracked`() throws {
        let bad: [Box] = [
            Box(x0: .nan, y0: 0, x1: 5, y1: 5), Box(x0: 0, y0: 0, x1: .infinity, y1: 5),
            Box(x0: 5, y0: 5, x1: 5, y1: 9), Box(x0: 9, y0: 9, x1: 1, y1: 1),
            Box(x0: -3e38, y0: -3e38, x1: 3e38, y1: 3e38), Box(x0: .nan, y0: .nan, x1: .nan, y1: .nan),
        ]
        var frame = bad.map { Instance(categoryID: 1, category: "a", score: 0.9, box: $0) }
        frame += [square(0, 0, score: .nan), square(0, 0)]
        let found = try identities(Array(repeating: frame, count: 4))
        #expect(found == Array(repeating: Array(repeating: nil, count: 7) + [1], count: 4))
    }

    @Test func `masks tell apart what boxes cannot`() throws {
        // Two triangles that fill one square: their boxes are equal and their pixels are not.
        func triangle(upper: Bool) -> Mask {
            Mask(
                width: 40, height: 40,
                bitmap: (0..<1600).map { (i: Int) -> UInt8 in
                    (i % 40 > i / 40) == upper ? 1 : 0
                })
        }
        let frames = (0..<6).map { i in
            (i % 2 == 0 ? [true, false] : [false, true]).map { square(0, 0, mask: triangle(upper: $0)) }
        }
        #expect(try identities(frames) == (0..<6).map { $0 % 2 == 0 ? [1, 2] : [2, 1] })
    }

    @Test func `masks of another picture size are left out of account`() throws {
        let frames = (0..<4).map { i in
            [square(0, 0, mask: Mask(width: 50 + i, height: 50, runs: [UInt32(50 * (50 + i))]))]
        }
        #expect(try identities(frames) == Array(repeating: [1], count: 4))
    }

    @Test func `a prediction carries box and mask along and changes nothing`() throws {
        var bitmap = [UInt8](repeating: 0, count: 200 * 50)
        for y in 5..<15 { for x in 60..<70 { bitmap[y * 200 + x] = 1 } }
        let mask = Mask(width: 200, height: 50, bitmap: bitmap)
        var tracker = try Tracker()
        for frame in 0...30 {
            _ = tracker.update(
                with: [
                    Instance(
                        categoryID: 3, category: "c", score: 0.99,
                        box: Box(x0: Float(2 * frame), y0: 5, x1: Float(2 * frame) + 10, y1: 15), mask: mask)
                ], at: Double(frame) / 30)
        }
        var copy = tracker
        let ahead = try #require(tracker.predicted(at: 35.0 / 30, width: 200, height: 50).first)
        #expect(ahead.trackID == 1)
        #expect(ahead.categoryID == 3)
        #expect(abs(ahead.box.x0 - 70) < 1)
        #expect(abs(ahead.box.y0 - 5) < 0.5)
        #expect(ahead.mask == mask.shifted(x: 10, y: 0))
        let next = [square(62, 5, side: 10, category: 3)]
        #expect(tracker.update(with: next, at: 31.0 / 30) == copy.update(with: next, at: 31.0 / 30))
        #expect(tracker.predicted(at: 100, width: 640, height: 360).isEmpty)
    }

    @Test func `what the last frame did not show is not predicted`() throws {
        var tracker = try Tracker()
        for frame in 0..<5 { _ = tracker.update(with: [square(0, 0), square(200, 0)], at: Double(frame) / 30) }
        _ = tracker.update(with: [square(200, 0)], at: 5.0 / 30)
        #expect(tracker.predicted(at: 6.0 / 30, width: 640, height: 360).map(\.trackID) == [2])
    }

    @Test func `a prediction is cut to the picture, and left out beyond it`() throws {
        var tracker = try Tracker()
        for frame in 0..<20 {
            _ = tracker.update(with: [square(Float(400 + 10 * frame), 100)], at: Double(frame) / 30)
        }
        let near = try #require(tracker.predicted(at: 22.0 / 30, width: 640, height: 360).first)
        #expect(near.box.x1 == 640 && near.box.x0 > 600 && near.box.x0 < 640)
        #expect(tracker.predicted(at: 28.0 / 30, width: 640, height: 360).isEmpty)
    }

    @Test func `what is held keeps place and identity, however long`() throws {
        var tracker = try Tracker()
        var last: [Instance] = []
        for frame in 0..<10 {
            last = tracker.update(with: [square(Float(10 * frame), 0), square(300, 200)], at: Double(frame) / 30)
        }
        for second in 1..<1000 {
            let held = tracker.hold(at: Double(second), settling: 1)
            #expect(held.map(\.box) == last.map(\.box) && held.map(\.trackID) == [1, 2])
        }
        let next = tracker.update(with: [square(100, 0), square(300, 200)], at: 999 + 1.0 / 30)
        #expect(next.map(\.trackID) == [1, 2])
    }

    @Test func `a detector that sees every fiftieth frame keeps identities, and forgets in the end`() throws {
        var tracker = try Tracker()
        let seconds = 50.0 / 30
        for look in 0..<10 {
            let found = tracker.update(with: [square(Float(2 * look), 0)], at: Double(look) * seconds)
            #expect(found.first?.trackID == 1)
            let between = tracker.predicted(at: (Double(look) + 0.9) * seconds, width: 640, height: 360)
            // The rhythm is known from the third look on.
            if look > 2 { #expect(between.map(\.trackID) == [1]) }
        }
        for look in 10..<12 { _ = tracker.update(with: [], at: Double(look) * seconds) }
        #expect(tracker.update(with: [square(22, 0)], at: 12 * seconds).first?.trackID == 1)
        for look in 13..<30 { _ = tracker.update(with: [], at: Double(look) * seconds) }
        #expect(tracker.update(with: [square(22, 0)], at: 30 * seconds).first?.trackID != 1)
    }
}

@Suite struct TrackerBetweenDetectionsTests {
    private func square(_ x: Float, _ y: Float, side: Float = 40, score: Float = 0.95) -> Instance {
        Instance(
            categoryID: 1, category: "a", score: score, box: Box(x0: x, y0: y, x1: x + side, y1: y + side))
    }

    /// A mask of 640x360 pixels that is a box's whole pixels.
    private func mask(_ box: Box) -> Mask {
        let (columns, rows) = (Int(box.x0)..<Int(box.x1), Int(box.y0)..<Int(box.y1))
        return Mask(
            width: 640, height: 360,
            bitmap: (0..<(640 * 360)).map { columns.contains($0 % 640) && rows.contains($0 / 640) ? 1 : 0 })
    }

    @Test func `several predictions in a row go on in even steps, box and mask alike`() throws {
        var tracker = try Tracker()
        for frame in 0...30 {
            var object = square(Float(100 + 6 * frame), 80)
            object.mask = mask(object.box)
            _ = tracker.update(with: [object], at: Double(frame) / 30)
        }
        let ahead = try (31...40).map { frame in
            try #require(tracker.predicted(at: Double(frame) / 30, width: 640, height: 360).first)
        }
        for (step, object) in ahead.enumerated() {
            #expect(abs(object.box.x0 - Float(286 + 6 * step)) < 2)
            let masked = try #require(object.mask?.boundingBox)
            // The mask moves by whole pixels.
            #expect(abs(masked.x0 - object.box.x0) <= 1 && abs(masked.y1 - object.box.y1) <= 1)
        }
        for (one, next) in zip(ahead, ahead.dropFirst()) { #expect(abs(next.box.x0 - one.box.x0 - 6) < 0.5) }
    }

    @Test func `a mask that has left the picture takes its object along, and one of another picture is left out`()
        throws
    {
        var tracker = try Tracker()
        for frame in 0...20 {
            var object = square(Float(380 + 10 * frame), 100)
            // Only the right half of the box.
            var half = object.box
            half.x0 += 20
            object.mask = mask(half)
            _ = tracker.update(with: [object], at: Double(frame) / 30)
        }
        // The box then begins at about 620, its mask at 640.
        #expect(tracker.predicted(at: 24.2 / 30, width: 640, height: 360).isEmpty)
        let smaller = try #require(tracker.predicted(at: 21.0 / 30, width: 620, height: 360).first)
        #expect(smaller.mask == nil && smaller.box.x1 == 620)
    }

    @Test func `what moved has come to rest after a stillness`() throws {
        var tracker = try Tracker()
        for frame in 0...20 { _ = tracker.update(with: [square(Float(5 * frame), 0)], at: Double(frame) / 30) }
        _ = tracker.hold(at: 1, settling: 1)
        let ahead = try #require(tracker.predicted(at: 2, width: 640, height: 360).first)
        #expect(abs(ahead.box.x0 - 100) < 3)
    }

    @Test func `what is long out of sight when a stillness begins is not there, and does not age in it`() throws {
        var tracker = try Tracker()
        for frame in 0...5 { _ = tracker.update(with: [square(0, 0), square(200, 0)], at: Double(frame) / 30) }
        for frame in 6...25 { _ = tracker.update(with: [square(0, 0)], at: Double(frame) / 30) }
        for second in 1...100 { #expect(tracker.hold(at: Double(second), settling: 1).map(\.trackID) == [1]) }
        let back = tracker.update(with: [square(0, 0), square(200, 0)], at: 100 + 1.0 / 30)
        #expect(back.map(\.trackID) == [1, 2])
    }

    @Test func `what was missed a moment ago is there in a stillness, until two looks far apart show nothing`() throws {
        var tracker = try Tracker()
        for frame in 0...5 { _ = tracker.update(with: [square(0, 0), square(200, 0)], at: Double(frame) / 30) }
        for frame in 6...15 { _ = tracker.update(with: [square(0, 0)], at: Double(frame) / 30) }
        for frame in 16...300 { #expect(tracker.hold(at: Double(frame) / 30, settling: 1).map(\.trackID) == [1, 2]) }
        // A look that shows it, one that does not, and a second one that does not.
        _ = tracker.update(with: [square(0, 0), square(200, 0)], at: 301.0 / 30)
        for frame in 302..<600 { #expect(tracker.hold(at: Double(frame) / 30, settling: 1).map(\.trackID) == [1, 2]) }
        _ = tracker.update(with: [square(0, 0)], at: 600.0 / 30)
        for frame in 601..<900 { #expect(tracker.hold(at: Double(frame) / 30, settling: 1).map(\.trackID) == [1, 2]) }
        _ = tracker.update(with: [square(0, 0)], at: 900.0 / 30)
        #expect(tracker.hold(at: 901.0 / 30, settling: 1).map(\.trackID) == [1])
    }

    @Test(arguments: [(1.0, [1, 2]), (0.3, [1])])
    func `what left with the last motion is gone, however short the settling`(settling: Double, held: [Int]) throws {
        var tracker = try Tracker()
        for frame in 0...5 { _ = tracker.update(with: [square(0, 0), square(200, 0)], at: Double(frame) / 30) }
        // Unseen for 0.3 s, as long as the gate went on in one case.
        for frame in 6...14 { _ = tracker.update(with: [square(0, 0)], at: Double(frame) / 30) }
        #expect(tracker.hold(at: 0.5, settling: settling).map(\.trackID) == held)
    }

    @Test func `nothing is held before the first frame, and no time does harm`() throws {
        var tracker = try Tracker()
        #expect(tracker.hold(at: 0, settling: 1).isEmpty)
        _ = tracker.update(with: [square(0, 0)], at: 0)
        for time in [Double.nan, .infinity, -5, 1e300] {
            #expect(tracker.hold(at: time, settling: 1).map(\.trackID) == [1])
        }
    }
}
