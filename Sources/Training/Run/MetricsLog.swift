import Files
import Foundation

/// What a run has written down: a line of JSON for each entry, and a picture of them all.
struct MetricsLog {
    private let path: String
    private let picturePath: String
    private var file: FileHandle?
    /// All entries so far.
    private var entries: [[String: Double]] = []

    init(folder: String) {
        path = "\(folder)/metrics.jsonl"
        picturePath = "\(folder)/curves.svg"
    }

    /// Begins to write, behind what is there.
    ///
    /// - Throws: `FileError`.
    mutating func open() throws {
        entries = Self.lines(path).map(\.entry)
        if !FileManager.default.fileExists(atPath: path) { try Self.write([], to: path) }
        guard let opened = FileHandle(forWritingAtPath: path) else {
            throw FileError.refused(action: "write", path: path, reason: "the file cannot be opened")
        }
        file = opened
        do { try opened.seekToEnd() } catch { throw refusal(error) }
    }

    mutating func close() {
        try? file?.close()
        file = nil
    }

    /// Drops the entries of steps that will be taken again, and a last line that was cut off.
    ///
    /// - Throws: `FileError`.
    func cut(after iteration: Int) throws {
        // As they are: numbers that are read and written anew might differ in their last digit.
        let kept = Self.lines(path).filter { ($0.entry["iteration"] ?? 0) <= Double(iteration) }
        try Self.write(kept.map(\.text), to: path)
    }

    /// Whether there is an entry of an evaluation after so many steps; known once it is open.
    func hasEvaluation(of iteration: Int) -> Bool {
        // An entry of the log has a rate.
        entries.contains { $0["iteration"] == Double(iteration) && $0["rate"] == nil }
    }

    mutating func add(_ progress: TrainingRun.Progress) throws {
        var entry = ["iteration": Double(progress.iteration), "rate": Double(progress.rate)]
        entry["images_per_second"] = (progress.imagesPerSecond * 100).rounded() / 100
        for (name, value) in progress.losses.named { entry[name] = value }
        try add(entry)
    }

    mutating func add(iteration: Int, figures: [String: Double]) throws {
        var entry = figures
        entry["iteration"] = Double(iteration)
        try add(entry)
    }

    private mutating func add(_ entry: [String: Double]) throws {
        entries.append(entry)
        do {
            try file?.write(contentsOf: Data((Self.line(entry) + "\n").utf8))
        } catch {
            throw refusal(error)
        }
    }

    private func refusal(_ error: any Error) -> FileError {
        (error as? CocoaError)?.code == .fileWriteOutOfSpace
            ? .diskFull(path: path)
            : .refused(action: "write", path: path, reason: error.localizedDescription)
    }

    /// Draws losses, and figures of evaluations where there are any.
    ///
    /// - Throws: `FileError`.
    func draw() throws {
        try AtomicFile.write(CurvePicture(entries: entries).svg, to: picturePath)
    }

    private static func line(_ entry: [String: Double]) -> String {
        let parts = entry.sorted { ($0.key != "iteration" ? 1 : 0, $0.key) < ($1.key != "iteration" ? 1 : 0, $1.key) }
            .map { key, value in
                let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
                return "\"\(key)\":\(number)"
            }
        return "{\(parts.joined(separator: ","))}"
    }

    /// The lines that are whole.
    private static func lines(_ path: String) -> [(text: Substring, entry: [String: Double])] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let entry = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Double]
            return entry.map { (line, $0) }
        }
    }

    private static func write(_ lines: [Substring], to path: String) throws {
        try AtomicFile.write(lines.map { $0 + "\n" }.joined(), to: path)
    }
}
