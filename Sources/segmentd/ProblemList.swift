import COCO
import Files

/// What is wrong with a data set, as a user is told: all of it where that can be read, otherwise its beginning, a count of each kind, and
/// the whole in a file.
struct ProblemList {
    /// Problems that are shown one by one; a terminal keeps some thousands of lines, and nobody reads them.
    static let mostShown = 100

    /// The data set's file.
    let path: String
    let problems: [COCOProblem]

    /// Tells them, line by line.
    ///
    /// - Parameters:
    ///   - folder: Where `problems.txt` is put if they are many; it is made. Where that fails all are told.
    ///   - tell: Takes a line.
    func report(folder: String, _ tell: (String) -> Void) {
        guard problems.count > Self.mostShown else { return lines.forEach(tell) }
        do {
            try Folder.create(folder)
            let file = "\(folder)/problems.txt"
            try write(to: file)
            lines.prefix(Self.mostShown).forEach(tell)
            let rest = problems.count - Self.mostShown
            tell("\(path): and \(rest) more; all \(problems.count) are in \(file). By kind:")
            for (kind, count) in counts { tell("\(path): \(count) \(kind.title)") }
        } catch {
            lines.forEach(tell)
            tell("\(path): the list of problems could not be kept: \(error)")
        }
    }

    private var lines: [String] { problems.map { "\(path): \($0)" } }

    /// The most frequent first; of equally frequent ones the order of the kinds.
    private var counts: [(kind: COCOProblem.Kind, count: Int)] {
        let found = problems.reduce(into: [COCOProblem.Kind: Int]()) { $0[$1.kind, default: 0] += 1 }
        let ordered = COCOProblem.Kind.allCases.enumerated().compactMap { place, kind in
            found[kind].map { (place: place, kind: kind, count: $0) }
        }
        return ordered.sorted { ($1.count, $0.place) < ($0.count, $1.place) }.map { ($0.kind, $0.count) }
    }

    /// - Throws: `FileError`.
    private func write(to name: String) throws {
        let file = try AtomicFile(path: name)
        do {
            for line in lines { try file.write(Array("\(line)\n".utf8)) }
            try file.commit()
        } catch {
            file.cancel()
            throw error
        }
    }
}

extension COCOProblem.Kind {
    /// What there may be many of.
    fileprivate var title: String {
        switch self {
        case .empty: "empty lists"
        case .duplicateID: "ids that are there twice"
        case .categoryName: "categories without a name of their own"
        case .fileName: "images without a usable file name"
        case .missingFile: "images without a file that can be read"
        case .impossibleSize: "images of an impossible size"
        case .wrongSize: "images of another size than annotated"
        case .missingImage: "annotations of an unknown image"
        case .unknownCategory: "annotations of an unknown category"
        case .notFinite: "numbers that are not finite"
        case .malformedBox: "boxes without four numbers"
        case .missingBox: "annotations without box and segmentation"
        case .emptyBox: "boxes without area"
        case .boxOutside: "boxes that reach out of their image"
        case .missingMask: "annotations without a segmentation"
        case .malformedPolygon: "polygons that are malformed"
        case .shortPolygon: "polygons of less than three corners"
        case .malformedMask: "masks that cannot be used"
        }
    }
}
