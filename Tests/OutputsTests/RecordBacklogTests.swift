import Instances
import RandomNumbers
import Testing

@testable import Outputs

@Suite("Records that wait for one consumer")
struct RecordBacklogTests {
    private func backlog(records: Int = 3, bytes: Int = 1 << 20) -> RecordBacklog {
        RecordBacklog(limit: QueueLimit(records: records, bytes: bytes), reason: "slow client")
    }

    private func taken(_ backlog: inout RecordBacklog) -> [String] {
        var words: [String] = []
        while let record = backlog.next() {
            switch record.record {
            case .hello(let hello): words.append("hello \(hello.stream)")
            case .frame(let frame): words.append("\(frame.stream) \(frame.frame)")
            case .event(let event): words.append("event \(event.frame)")
            case .gap(let gap): words.append("gap \(gap.stream) \(gap.frames)+\(gap.events)")
            case .error: words.append("error")
            case .end(let stream, _, _): words.append("end \(stream)")
            }
        }
        return words
    }

    @Test("what fits comes out in order")
    func order() {
        var backlog = backlog(records: 500)
        for number in 0..<300 { backlog.append(Sample.frame(number)) }
        #expect(taken(&backlog) == (0..<300).map { "door \($0)" })
        #expect(backlog.isEmpty && backlog.bytes == 0 && backlog.dropped == 0)
    }

    @Test("the oldest make room, and a gap for each stream comes before the next record")
    func gaps() {
        var backlog = backlog()
        backlog.append(Sample.frame(0))
        backlog.append(Sample.frame(1, stream: "yard"))
        backlog.append(Sample.event(1))
        backlog.append(Sample.frame(2))
        for number in 3..<6 { backlog.append(Sample.frame(number)) }
        #expect(backlog.dropped == 4 && backlog.count == 3)
        #expect(taken(&backlog) == ["gap door 2+1", "gap yard 1+0", "door 3", "door 4", "door 5"])
    }

    @Test("hellos and ends outlast frames, and a gap does not come before a hello")
    func control() {
        var backlog = backlog()
        backlog.append(EncodedRecord(.hello(Sample.hello("door"))))
        for number in 0..<4 { backlog.append(Sample.frame(number)) }
        backlog.append(Sample.end())
        #expect(taken(&backlog) == ["hello door", "gap door 3+0", "door 3", "end door"])
    }

    @Test("hellos alone stay within the limit, too")
    func controlOnly() {
        var backlog = backlog()
        for number in 0..<5 { backlog.append(EncodedRecord(.hello(Sample.hello("\(number)")))) }
        #expect(taken(&backlog) == ["hello 2", "hello 3", "hello 4"])
    }

    @Test("bytes are limited, but one record may be larger")
    func bytes() {
        let line = Sample.frame(0).line.count
        var backlog = backlog(records: 100, bytes: 2 * line)
        for number in 0..<3 { backlog.append(Sample.frame(number)) }
        #expect(backlog.bytes == 2 * line)
        backlog.append(Sample.frame(3, padding: 10 * line))
        #expect(backlog.count == 1)
        #expect(taken(&backlog) == ["gap door 3+0", "door 3"])
    }

    @Test("what is put back comes first, and is dropped first")
    func putBack() {
        var backlog = backlog()
        for number in 0..<5 { backlog.append(Sample.frame(number)) }
        let some = [backlog.next(), backlog.next(), backlog.next()].compactMap { $0 }
        backlog.append(Sample.frame(5))
        backlog.append(Sample.frame(6))
        backlog.putBack(some)
        // The gap of two is among what was put back.
        #expect(taken(&backlog) == ["gap door 4+0", "door 4", "door 5", "door 6"])
    }

    @Test("nothing is lost or doubled, whatever is taken and put back")
    func random() {
        var generator = SplitMix64(seed: 7)
        var backlog = backlog(records: 7)
        var (next, expected) = (0, 0)
        var frames: [Int] = []
        func read(_ record: EncodedRecord) {
            switch record.record {
            case .frame(let frame):
                frames.append(frame.frame)
                expected += 1
            case .gap(let gap): expected += gap.frames
            default: break
            }
        }
        for _ in 0..<2000 {
            for _ in 0..<Int.random(in: 0..<6, using: &generator) {
                backlog.append(Sample.frame(next))
                next += 1
            }
            let some = (0..<Int.random(in: 0..<6, using: &generator)).compactMap { _ in backlog.next() }
            let kept = Int.random(in: 0...some.count, using: &generator)
            some[..<kept].forEach(read)
            backlog.putBack(Array(some[kept...]))
        }
        while let record = backlog.next() { read(record) }
        #expect(expected == next)
        #expect(frames == frames.sorted() && Set(frames).count == frames.count)
        #expect(backlog.dropped == next - frames.count)
    }
}
