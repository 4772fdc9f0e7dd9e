import COCO
import Files
import Glibc

/// What is wrong with a data set, as a user is told: all of it where that can be read or is asked for, otherwise its beginning and a count
/// of each kind; and the whole in a file where there is a folder for it.
struct ProblemList {
    /// Problems that are shown one by one; a terminal keeps some thousands of lines, and nobody reads them.
    static let mostShown = 100

    /// The data set's file.
    let path: String
    let problems: [COCOProblem]

    /// Tells them, line by line; nothing where there are none.
    ///
    /// - Parameters:
    ///   - isWhole: Whether all are told, however many.
    ///   - folder: Where `problems.txt` is put if they are many, and removed if they are not, since it is then of an earlier check; the
    ///     folder is made. Where that fails all are told. Nil for no file.
    ///   - tell: Takes a line.
    func report(isWhole: Bool, folder: String? = nil, _ tell: (String) -> Void) {
        let file = folder.map { "\($0)/problems.txt" }
        guard problems.count > Self.mostShown else {
            if let file { unlink(file) }
            return lines.forEach(tell)
        }
        do {
            if let folder, let file {
                try Folder.create(folder)
                try write(to: file)
            }
        } catch {
            lines.forEach(tell)
            return tell("\(path): the list of problems could not be kept: \(error)")
        }
        lines.prefix(isWhole ? problems.count : Self.mostShown).forEach(tell)
        let all = "all \(problems.count)"
        let (rest, places) = (problems.count - Self.mostShown, file.map { "\(all) are in \($0)" })
        let more =
            switch (isWhole, places) {
            case (true, nil): "\(problems.count) problems"
            case (true, let places?): places
            case (false, nil): "and \(rest) more; --verbose shows \(all)"
            case (false, let places?): "and \(rest) more; \(places), and --verbose shows them"
            }
        tell("\(path): \(more). By kind there are:")
        for (kind, count) in counts { tell("\(path): \(count) \(kind.title)") }
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
        try AtomicFile.write(lines.map { $0 + "\n" }.joined(), to: name)
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
        case .shortPolygon: "polygons of fewer than three corners"
        case .malformedMask: "masks that cannot be used"
        }
    }
}
