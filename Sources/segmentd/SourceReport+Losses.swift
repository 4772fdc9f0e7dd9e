import Video

extension VideoSource.Report {
    /// What was lost of an input, one sentence each.
    func losses(of input: String) -> [String] {
        var lines: [String] = []
        if isTruncated {
            lines.append(
                "\(input): is cut off; the \(framesDecoded) frames up to there were used"
                    + (reason.map { " (\($0))" } ?? ""))
        }
        if framesCorrupt > 0 { lines.append("\(input): \(framesCorrupt) damaged frames were concealed") }
        if packetsLost > 0 { lines.append("\(input): \(packetsLost) packets could not be decoded") }
        if !unreadableImages.isEmpty {
            let rest = unreadableImageCount - unreadableImages.count
            let names = unreadableImages.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
            lines.append("\(input): unreadable images were left out: \(names)")
        }
        return lines
    }
}
