/// The text format of MOTChallenge (arXiv 1603.00831, section 3.3): one object a line, `frame, id, left, top, width,
/// height, score, class, x, y`, with frames from 1 and -1 for what is not given.
public enum MOTChallenge {
    /// Why a line cannot be read.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        /// The line's number, from 1.
        public var line: Int
        public var problem: String

        public var description: String { "line \(line): \(problem)" }
    }

    /// A frame beyond this number is taken for an error: days of video have fewer.
    public static let lastFrame = 20_000_000

    /// The line for an object, without the line's end, or nil where it has no identity.
    ///
    /// - Parameter frame: The frame's number from 0, as in `FrameResult`.
    public static func line(frame: Int, _ object: Instance) -> String? {
        guard let trackID = object.trackID else { return nil }
        // The values of JSON text without brackets around them are what this format wants.
        var text = JSONText()
        text.integer(nil, frame + 1)
        text.integer(nil, trackID)
        for value in [object.box.x0, object.box.y0, object.box.width, object.box.height] {
            text.number(nil, Double(value), decimals: 3)
        }
        text.number(nil, Double(object.score), decimals: 6)
        text.integer(nil, object.categoryID)
        text.integer(nil, -1)
        text.integer(nil, -1)
        return text.text
    }

    /// Reads the objects of every frame, by the frame's number from 0; identities of -1 become nil.
    ///
    /// Columns after the sixth may be missing: the score is then 1 and the category 1, named by its number.
    ///
    /// - Throws: `MOTChallenge.Failure` for the first line that is not of the format.
    public static func frames(_ text: String) throws -> [Int: [Instance]] {
        var frames: [Int: [Instance]] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let columns = line.split(separator: ",", omittingEmptySubsequences: false).map { column in
                Double(column.filter { $0 != " " && $0 != "\t" })
            }
            if columns == [nil], line.allSatisfy(\.isWhitespace) { continue }
            let fail = { Failure(line: index + 1, problem: $0) }
            guard columns.count >= 6 else { throw fail("\(columns.count) columns instead of at least 6") }
            guard let frame = columns[0].flatMap(Int.init(exactly:)), (1...lastFrame).contains(frame) else {
                throw fail("the first column is not the number of a frame, 1 to \(lastFrame)")
            }
            guard let id = columns[1].flatMap(Int.init(exactly:)) else {
                throw fail("the second column is not an identity or -1")
            }
            let values = columns.dropFirst(2).prefix(5).map { Float($0 ?? .nan) }
            guard values.allSatisfy(\.isFinite) else { throw fail("a box or score is not a number") }
            let category = columns.count > 7 ? columns[7].flatMap(Int.init(exactly:)) ?? -1 : -1
            let categoryID = category < 0 ? 1 : category
            frames[frame - 1, default: []].append(
                Instance(
                    trackID: id < 0 ? nil : id, categoryID: categoryID, category: String(categoryID),
                    score: values.count > 4 ? values[4] : 1,
                    box: Box(x0: values[0], y0: values[1], x1: values[0] + values[2], y1: values[1] + values[3])))
        }
        return frames
    }
}
