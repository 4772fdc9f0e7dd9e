import Files
import Glibc
import Instances

/// The names of files that were rotated away: `door.jsonl` becomes `door-2026-11-24T12-00-00Z.jsonl`.
///
/// The time is when the file was closed, so that names sort by it. Where a name is taken, `-2` and so on follow the time.
struct RotatedName {
    let folder: String
    /// The current file's name without its extension.
    private let stem: String
    /// The extension with its dot; empty where there is none.
    private let suffix: String

    /// A name that has been recognised.
    private struct Match {
        var name: String
        var time: String
        var number: Int
    }

    init(path: String) {
        folder = Folder.containing(path)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if let dot = name.lastIndex(of: "."), dot != name.startIndex {
            (stem, suffix) = (String(name[..<dot]), String(name[dot...]))
        } else {
            (stem, suffix) = (name, "")
        }
    }

    /// A name that nothing has yet and that sorts after all others of its second.
    func free(at time: WallClock) -> String {
        // Not the first free one: those before may have been removed as the oldest.
        var number = (matches().filter { $0.time == time.fileName }.map(\.number).max() ?? 0) + 1
        while true {
            let name = "\(stem)-\(time.fileName)\(number > 1 ? "-\(number)" : "")\(suffix)"
            var status = stat()
            if lstat("\(folder)/\(name)", &status) != 0 { return "\(folder)/\(name)" }
            number += 1
        }
    }

    /// Removes all but the newest rotated files.
    func removeAll(but keep: Int) {
        let sorted = matches().sorted { ($0.time, $0.number) < ($1.time, $1.number) }
        for match in sorted.dropLast(keep) { unlink("\(folder)/\(match.name)") }
    }

    /// The rotated files that there are, in no order.
    private func matches() -> [Match] {
        guard let entries = opendir(folder) else { return [] }
        defer { closedir(entries) }
        var matches: [Match] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let match = match(name) { matches.append(match) }
        }
        return matches
    }

    /// Recognises names that this type makes and no others: nothing else is to be removed.
    private func match(_ name: String) -> Match? {
        guard name.hasPrefix("\(stem)-"), name.hasSuffix(suffix) else { return nil }
        let middle = Array(name.utf8.dropFirst(stem.utf8.count + 1).dropLast(suffix.utf8.count))
        let pattern = Array("0000-00-00T00-00-00Z".utf8)
        guard middle.count >= pattern.count else { return nil }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        for (byte, wanted) in zip(middle, pattern) {
            guard wanted == UInt8(ascii: "0") ? digits.contains(byte) : byte == wanted else { return nil }
        }
        let time = String(decoding: middle[..<pattern.count], as: UTF8.self)
        let rest = middle[pattern.count...]
        if rest.isEmpty { return Match(name: name, time: time, number: 1) }
        let number = rest.dropFirst()
        guard rest.first == UInt8(ascii: "-"), !number.isEmpty, number.allSatisfy(digits.contains),
            let value = Int(String(decoding: number, as: UTF8.self)), value < Int.max
        else { return nil }
        return Match(name: name, time: time, number: value)
    }
}
