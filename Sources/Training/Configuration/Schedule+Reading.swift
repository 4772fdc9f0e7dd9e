import Configuration

extension Schedule {
    /// How the rate falls, as a file names it.
    enum Kind: String, CaseIterable {
        case step, cosine
    }

    /// Puts what the file says over the defaults.
    mutating func read(_ section: Section<TrainingKeys.Schedule>) {
        warmup = section.integer(.warmup, 0...(iterations - 1)) ?? warmup
        warmupFactor = section.number(.warmupFactor, 0...1) ?? warmupFactor
        let kind = section.choice(.kind, Kind.self) ?? .step
        // Read with either kind, so that what is wrong in them is told at once.
        let steps = section.integers(
            .steps, 1...max(1, iterations - 1), count: 0...100, example: "[6000, 8000], iterations")
        let factor = section.number(.factor, 0...1)
        switch (kind, decay) {
        case (.cosine, _):
            for key in [TrainingKeys.Schedule.steps, .factor] where section.has(key) {
                section.report(key, "a cosine has no \(key.rawValue); leave it out, or say kind: step")
            }
            decay = .cosine
        case (.step, .steps(let defaults, let defaultFactor)):
            decay = .steps(steps ?? defaults, factor: factor ?? defaultFactor)
        case (.step, .cosine):
            decay = .steps(steps ?? [], factor: factor ?? 0.1)
        }
        if let steps, zip(steps, steps.dropFirst()).contains(where: { $0 >= $1 }) {
            section.report(.steps, "steps must ascend")
        }
    }
}
