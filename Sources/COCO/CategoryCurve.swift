/// The figures of one category from what became of its detections in all images (pycocotools' `accumulate`).
struct CategoryCurve {
    /// Recalls at which precision is read, evenly from 0 to 1.
    static let recalls = ImageMatching.spaced(from: 0, to: 1, count: 101)

    private let images: [ImageMatching]
    /// Every detection, by descending score, equals in the order of images.
    private let order: [(image: Int, rank: Int)]

    /// - Parameter images: In the order of their ids.
    init(_ images: [ImageMatching]) {
        self.images = images
        var all: [(score: Double, image: Int, rank: Int)] = []
        all.reserveCapacity(images.reduce(0) { $0 + $1.scores.count })
        for (image, matching) in images.enumerated() {
            for (rank, score) in matching.scores.enumerated() { all.append((score, image, rank)) }
        }
        all.sort { ($1.score, $0.image, $0.rank) < ($0.score, $1.image, $1.rank) }
        order = all.map { ($0.image, $0.rank) }
    }

    var figures: EvaluationFigures {
        let precision = ImageMatching.areas.indices.map { precisions(area: $0) }
        func recall(_ area: Int, _ limit: Int) -> Double? { recalls(area: area, limit: limit).flatMap(mean) }
        return EvaluationFigures(values: [
            precision[0].flatMap(mean), precision[0]?[0], precision[0]?[5], precision[1].flatMap(mean),
            precision[2].flatMap(mean), precision[3].flatMap(mean), recall(0, 1), recall(0, 10), recall(0, 100),
            recall(1, 100), recall(2, 100), recall(3, 100),
        ])
    }

    private func objects(area: Int) -> Int { images.reduce(0) { $0 + $1.outcomes[area].objects } }

    /// The average precision at each overlap; nil where no object counts.
    private func precisions(area: Int) -> [Double]? {
        let objects = objects(area: area)
        guard objects > 0 else { return nil }
        var curve = [(recall: Double, precision: Double)](repeating: (0, 0), count: order.count)
        return ImageMatching.overlaps.indices.map { bit in
            var (hits, misses) = (0.0, 0.0)
            for (place, entry) in order.enumerated() {
                let outcome = images[entry.image].outcomes[area]
                if outcome.hits[entry.rank] >> bit & 1 == 1 {
                    hits += 1
                } else if outcome.ignored[entry.rank] >> bit & 1 == 0 {
                    misses += 1
                }
                curve[place] = (hits / Double(objects), hits / (misses + hits + Double.ulpOfOne))
            }
            // The best precision at this recall or any above it.
            for place in curve.indices.dropLast().reversed() {
                curve[place].precision = max(curve[place].precision, curve[place + 1].precision)
            }
            var (sum, place) = (0.0, 0)
            for recall in Self.recalls {
                while place < curve.count && curve[place].recall < recall { place += 1 }
                guard place < curve.count else { break }
                sum += curve[place].precision
            }
            return sum / Double(Self.recalls.count)
        }
    }

    /// The greatest recall at each overlap with so many detections an image; nil where no object counts.
    private func recalls(area: Int, limit: Int) -> [Double]? {
        let objects = objects(area: area)
        guard objects > 0 else { return nil }
        return ImageMatching.overlaps.indices.map { bit in
            let hits = images.reduce(0) { sum, image in
                sum + image.outcomes[area].hits.prefix(limit).count { $0 >> bit & 1 == 1 }
            }
            return Double(hits) / Double(objects)
        }
    }
}
