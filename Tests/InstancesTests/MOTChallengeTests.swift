import Instances
import Testing

@Suite struct MOTChallengeTests {
    @Test func `an object with an identity is one line of ten columns`() {
        let object = Instance(
            trackID: 4, categoryID: 2, category: "disc", score: 0.75, box: Box(x0: 1.5, y0: 2, x1: 11.25, y1: 22))
        #expect(MOTChallenge.line(frame: 0, object) == "1,4,1.5,2,9.75,20,0.75,2,-1,-1")
    }

    @Test func `an object without identity has no line`() {
        let object = Instance(categoryID: 2, category: "disc", score: 1, box: Box(x0: 0, y0: 0, x1: 1, y1: 1))
        #expect(MOTChallenge.line(frame: 0, object) == nil)
    }

    @Test func `lines come back as the objects that they were written from`() throws {
        let objects = (1...3).map { i in
            Instance(
                trackID: i, categoryID: i + 4, category: String(i + 4), score: 0.25 * Float(i),
                box: Box(x0: Float(i), y0: 0.5, x1: Float(2 * i) + 8, y1: 9))
        }
        let text = objects.compactMap { MOTChallenge.line(frame: 6, $0) }.joined(separator: "\n")
        #expect(try MOTChallenge.frames(text) == [6: objects])
    }

    @Test func `ground truth and short lines are read, with spaces, blank lines and other line ends`() throws {
        let frames = try MOTChallenge.frames("1, -1, 10, 20, 30, 40\r\n\r\n  \n3,7,0,0,5,5,1,2,0.5\r\n")
        #expect(frames.count == 2)
        let first = try #require(frames[0]?.first)
        #expect(first.trackID == nil)
        #expect(first.score == 1)
        #expect(first.categoryID == 1)
        #expect(first.box == Box(x0: 10, y0: 20, x1: 40, y1: 60))
        #expect(frames[2]?.first?.trackID == 7)
        #expect(frames[2]?.first?.categoryID == 2)
    }

    @Test(arguments: [
        "1,2,3", "0,-1,1,1,1,1", "1.5,-1,1,1,1,1", "1e300,-1,1,1,1,1", "nan,-1,1,1,1,1", "x,-1,1,1,1,1", "1,,1,1,1,1",
        "1,-1,1,inf,1,1", "1,-1,1,1,1,", "1,-1,1,1,1,1,x", "30000000,-1,1,1,1,1",
    ])
    func `a line that is not of the format is named`(line: String) {
        let failure = #expect(throws: MOTChallenge.Failure.self) {
            try MOTChallenge.frames("1,-1,1,1,1,1\n" + line)
        }
        #expect(failure?.line == 2)
    }
}
