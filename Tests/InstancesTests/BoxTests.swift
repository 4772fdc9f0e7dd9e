import Instances
import Testing

@Suite struct BoxTests {
    @Test func `a box knows its sides and its area`() {
        let box = Box(x0: 2, y0: 3, x1: 7.5, y1: 5)
        #expect(box.width == 5.5)
        #expect(box.height == 2)
        #expect(box.area == 11)
    }

    @Test func `boxes that overlap by a third have that intersection over union`() {
        let a = Box(x0: 0, y0: 0, x1: 4, y1: 2)
        let b = Box(x0: 2, y0: 0, x1: 6, y1: 2)
        #expect(a.intersectionOverUnion(b) == Float(1) / 3)
        #expect(b.intersectionOverUnion(a) == Float(1) / 3)
    }

    @Test func `a box overlaps wholly with itself`() {
        let box = Box(x0: 1, y0: 1, x1: 9, y1: 4)
        #expect(box.intersectionOverUnion(box) == 1)
    }

    @Test func `boxes that only touch do not overlap`() {
        let a = Box(x0: 0, y0: 0, x1: 2, y1: 2)
        #expect(a.intersectionOverUnion(Box(x0: 2, y0: 0, x1: 4, y1: 2)) == 0)
        #expect(a.intersectionOverUnion(Box(x0: 2, y0: 2, x1: 4, y1: 4)) == 0)
    }

    @Test func `boxes without area, crossed or not a number overlap with nothing`() {
        let a = Box(x0: 0, y0: 0, x1: 2, y1: 2)
        #expect(a.intersectionOverUnion(Box(x0: 1, y0: 1, x1: 1, y1: 2)) == 0)
        #expect(a.intersectionOverUnion(Box(x0: 2, y0: 2, x1: 0, y1: 0)) == 0)
        #expect(a.intersectionOverUnion(Box(x0: .nan, y0: 0, x1: .nan, y1: 2)) == 0)
    }
}
