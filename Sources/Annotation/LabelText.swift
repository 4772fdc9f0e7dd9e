import Instances

/// What a label says.
enum LabelText {
    /// Characters of a name beyond these are left out: a label is no place for prose.
    static let longestName = 48

    /// `star 0.98 #7`; the last part only where the object has an identity.
    static func scalars(for instance: Instance) -> [Unicode.Scalar] {
        var text = name(instance.category)
        if !text.isEmpty { text.append(" ") }
        text += score(instance.score).unicodeScalars
        if let trackID = instance.trackID { text += " #\(trackID)".unicodeScalars }
        return text
    }

    /// The name with a space for every control character and line's end, and without what only steers a text's shaping.
    static func name(_ category: String) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in category.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: result.append(" ")
            case .format, .privateUse, .surrogate: continue
            default: result.append(scalar)
            }
            guard result.count < longestName else { return result + ["…"] }
        }
        return result
    }

    /// Two decimals, rounded; what is no number is 0.
    static func score(_ score: Float) -> String {
        let hundredths = score.isFinite ? Int((max(0, min(1, score)) * 100).rounded()) : 0
        let tail = hundredths % 100
        return "\(hundredths / 100).\(tail < 10 ? "0" : "")\(tail)"
    }
}
