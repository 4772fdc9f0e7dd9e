import Testing

@testable import Instances

@Suite struct StreamRecordTests {
    private let object = Instance(
        trackID: 7, categoryID: 1, category: "person", score: 0.5, box: Box(x0: 1, y0: 2, x1: 4, y1: 6),
        mask: Mask(width: 2, height: 2, runs: [0, 4]))

    @Test("A hello names the program, the form's version and the categories")
    func hello() {
        let record = StreamRecord.hello(
            .init(program: "segmentd 1", stream: "door", categories: [Category(id: 1, name: "person")]))
        #expect(
            record.jsonLine()
                == #"{"type":"hello","schema":1,"program":"segmentd 1","stream":"door","categories":[{"id":1,"name":"person"}]}"#
        )
    }

    @Test("An event carries its object without the mask")
    func event() {
        let event = StreamEvent(
            stream: "door", frame: 3, pts: 0.1, kind: .leave(zone: "mat", seconds: 1.5), object: object)
        #expect(
            StreamRecord.event(event).jsonLine()
                == #"{"type":"event","event":"leave","stream":"door","frame":3,"pts":0.1,"zone":"mat","seconds":1.5,"track_id":7,"category_id":1,"category":"person","score":0.5,"bbox":[1,2,3,4]}"#
        )
    }

    @Test("A crossing says the line and the direction")
    func crossing() {
        let event = StreamEvent(
            stream: "door", frame: 3, pts: 0.1, time: "now", kind: .cross(line: "gate", direction: .rightToLeft),
            object: object)
        #expect(event.jsonLine().contains(#""time":"now","line":"gate","direction":"right_to_left","track_id":7"#))
    }

    @Test("Gap, error and end are lines of their own")
    func others() {
        #expect(
            StreamRecord.gap(.init(stream: "s", frames: 2, events: 1, reason: "slow client")).jsonLine()
                == #"{"type":"gap","stream":"s","frames":2,"events":1,"reason":"slow client"}"#)
        #expect(
            StreamRecord.error(stream: "s", time: nil, message: "a \"b\"").jsonLine()
                == #"{"type":"error","stream":"s","message":"a \"b\""}"#)
        #expect(
            StreamRecord.end(stream: "s", time: "t", reason: "stopped").jsonLine()
                == #"{"type":"end","stream":"s","time":"t","reason":"stopped"}"#)
    }

    @Test("An encoded record ends its line once")
    func encoded() {
        let record = EncodedRecord(.end(stream: "s", time: nil, reason: "stopped"))
        #expect(record.line.filter { $0 == 10 }.count == 1 && record.line.last == 10)
    }
}
