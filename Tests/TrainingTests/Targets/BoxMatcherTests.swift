import Instances
import RandomNumbers
import Testing

@testable import Training

@Suite struct BoxMatcherTests {
    private let object = Box(x0: 0, y0: 0, x1: 10, y1: 10)

    /// A box within the object, with this part of its area.
    private func part(_ tenths: Float) -> Box { Box(x0: 0, y0: 0, x1: 10, y1: tenths) }

    @Test func `limits belong to what is above them`() {
        let matcher = BoxMatcher(foreground: 0.7, background: 0.3, keepsBest: false)
        #expect(
            matcher([part(10), part(7), part(6.9), part(3), part(2.9), part(-20)], objects: [object])
                == [.object(0), .object(0), .between, .between, .background, .background])
        #expect(
            BoxMatcher.proposals([part(5), part(4.9)], objects: [object]) == [.object(0), .background])
    }

    @Test func `of objects that a box overlaps equally the first counts`() {
        let left = Box(x0: 0, y0: 0, x1: 10, y1: 10)
        let right = Box(x0: 6, y0: 0, x1: 16, y1: 10)
        let middle = Box(x0: 3, y0: 0, x1: 13, y1: 10)
        #expect(BoxMatcher.proposals([middle], objects: [left, right]) == [.object(0)])
        #expect(BoxMatcher.proposals([middle], objects: [right, left]) == [.object(0)])
        #expect(BoxMatcher.proposals([right], objects: [left, right, right]) == [.object(1)])
    }

    @Test func `an object keeps the boxes that overlap it most, however little, and all that tie`() {
        let boxes = [part(1), part(2), Box(x0: 0, y0: 8, x1: 10, y1: 10), part(0.5)]
        #expect(
            BoxMatcher.anchors(boxes, objects: [object]) == [.background, .object(0), .object(0), .background])
        #expect(
            BoxMatcher.proposals(boxes, objects: [object]) == [.background, .background, .background, .background])
    }

    @Test func `a box that an object keeps stands for the object that it overlaps most`() {
        // The best for the second object, which is much smaller, is better for the first.
        let small = Box(x0: 0, y0: 0, x1: 2, y1: 2)
        #expect(BoxMatcher.anchors([part(9)], objects: [object, small]) == [.object(0)])
        #expect(BoxMatcher.anchors([part(9)], objects: [small, object]) == [.object(1)])
    }

    @Test func `without objects everything is background`() {
        for matcher in [BoxMatcher.anchors, .proposals] {
            #expect(matcher([object, part(3)], objects: []) == [.background, .background])
            #expect(matcher([], objects: [object]).isEmpty)
        }
    }

    @Test func `boxes without area overlap nothing`() {
        let point = Box(x0: 5, y0: 5, x1: 5, y1: 5)
        #expect(BoxMatcher.anchors([point, object], objects: [object]) == [.background, .object(0)])
        #expect(BoxMatcher.proposals([point], objects: [point]) == [.background])
        #expect(BoxMatcher.anchors([point], objects: [point]) == [.background])
    }

    @Test(arguments: 1...6) func `matches are those of the whole table of overlaps`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        func box() -> Box {
            // On a coarse grid, so that there are ties.
            let (x, y) = (Int.random(in: 0..<12, using: &random), Int.random(in: 0..<12, using: &random))
            return Box(
                x0: Float(x), y0: Float(y), x1: Float(x + Int.random(in: 1...6, using: &random)),
                y1: Float(y + Int.random(in: 1...6, using: &random)))
        }
        let (boxes, objects) = ((0..<300).map { _ in box() }, (0..<7).map { _ in box() })
        let table = objects.map { object in boxes.map { object.intersectionOverUnion($0) } }
        for keepsBest in [false, true] {
            let matcher = BoxMatcher(foreground: 0.6, background: 0.25, keepsBest: keepsBest)
            let found = matcher(boxes, objects: objects)
            for index in boxes.indices {
                let column = table.map { $0[index] }
                let most = column.max() ?? 0
                let best = column.firstIndex(of: most) ?? 0
                let isKept = keepsBest && table.contains { $0[index] == $0.max() }
                let expected: BoxMatcher.Match =
                    most >= 0.6 || isKept ? .object(best) : most < 0.25 ? .background : .between
                #expect(found[index] == expected, "box \(index)")
            }
        }
    }
}
