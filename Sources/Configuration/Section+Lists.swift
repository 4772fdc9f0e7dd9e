extension Section {
    /// A list of numbers.
    ///
    /// - Parameters:
    ///   - range: Of each of them.
    ///   - count: How many there may be.
    ///   - example: What messages show.
    package func numbers(
        _ key: Key, _ range: ClosedRange<Double>, count: ClosedRange<Int>, example: String
    ) -> [Double]? {
        let bounds = "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        return list(key, count: count, example: example, expected: bounds) { word in
            Self.number(word).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A list of whole numbers, likewise.
    package func integers(
        _ key: Key, _ range: ClosedRange<Int>, count: ClosedRange<Int>, example: String
    ) -> [Int]? {
        let bounds = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return list(key, count: count, example: example, expected: bounds) { word in
            Int(word).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// - Returns: nil where one element or their count is wrong.
    private func list<Element>(
        _ key: Key, count: ClosedRange<Int>, example: String, expected: String, _ read: (String) -> Element?
    ) -> [Element]? {
        guard let nodes = elements(key, atMost: max(count.upperBound, 1000), example: example) else { return nil }
        var values: [Element] = []
        for node in nodes {
            guard let word = reader.word(node, of: key.rawValue) else { continue }
            if let value = read(word) {
                values.append(value)
            } else {
                reader.report(node, "\(key.rawValue) holds \(reader.written(node)); each must be \(expected)")
            }
        }
        guard count.contains(nodes.count) else {
            let needed =
                count.lowerBound == count.upperBound
                ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
            report(key, "\(key.rawValue) needs \(needed) elements, such as \(example), and has \(nodes.count)")
            return nil
        }
        return values.count == nodes.count ? values : nil
    }
}
