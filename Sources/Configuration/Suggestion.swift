/// Finds what was probably meant by a misspelt word.
package enum Suggestion {
    /// The nearest of the known words, if it is near enough that a slip of the hand explains it.
    package static func nearest(to word: String, among known: [String]) -> String? {
        // Nobody misspells a word of hundreds of letters, and the distance takes their square.
        guard word.count <= 64 else { return nil }
        let folded = word.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }
        let limit = max(1, folded.count / 3)
        let distances = known.map {
            (word: $0, distance: distance(folded, $0.lowercased().map { $0 == "-" ? "_" : $0 }))
        }
        return distances.filter { $0.distance <= limit }.min { $0.distance < $1.distance }?.word
    }

    /// `; did you mean 'threshold'?`, or what there is where nothing is near.
    package static func words(for word: String, among known: [String]) -> String {
        if let nearest = nearest(to: word, among: known) { return "; did you mean '\(nearest)'?" }
        return known.isEmpty ? "" : "; known are \(known.joined(separator: ", "))"
    }

    /// The insertions, removals, replacements and swaps of neighbours that make one word of the other (optimal string
    /// alignment).
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var (older, old) = ([Int](), Array(0...right.count))
        for (row, character) in left.enumerated() {
            var new = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(old[column + 1] + 1, new[column] + 1, old[column] + (character == other ? 0 : 1))
                if row > 0, column > 0, character == right[column - 1], left[row - 1] == other {
                    cost = min(cost, older[column - 1] + 1)
                }
                new.append(cost)
            }
            (older, old) = (old, new)
        }
        return old[right.count]
    }
}
