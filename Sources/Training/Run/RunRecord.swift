import Checkpoints
import Foundation

/// What the steps of a run follow from besides its weights, so that a run that goes on can tell what has changed since its checkpoint.
///
/// Values are in words, by the configuration's keys, those of an inner mapping behind its own: they are compared and shown, and nothing
/// is computed from them.
struct RunRecord: Sendable {
    /// By key, in the order in which they are told.
    private var values: [(key: String, value: String)]

    /// Keys of what decides which pictures come in which row; a change makes another run of what follows.
    private static let rowKeys: Set = ["seed", "batch", "accumulate", "train"]

    /// Characters of an old value that are shown: a hundred steps of the schedule and their commas have about as many.
    private static let longestValue = 1200

    init(_ plan: TrainingConfiguration, pictures: any PictureSource) {
        let digest = String(pictures.digest, radix: 16)
        let (sampling, augmentation) = (plan.sampling, plan.augmentation)
        let decay: [(key: String, value: String)] =
            switch plan.schedule.decay {
            case .cosine: [("schedule.kind", "cosine")]
            case .steps(let steps, let factor):
                [("schedule.kind", "step"), ("schedule.steps", "\(steps)"), ("schedule.factor", "\(factor)")]
            }
        values = [
            ("seed", "\(plan.seed)"), ("batch", "\(plan.batch)"), ("accumulate", "\(plan.accumulate)"),
            ("train", "\(pictures.count) pictures (digest \(digest))"), ("iterations", "\(plan.iterations)"),
            ("learning_rate", "\(plan.schedule.rate)"), ("momentum", "\(plan.momentum)"),
            ("weight_decay", "\(plan.weightDecay)"),
            ("schedule.warmup", "\(plan.schedule.warmup)"),
            ("schedule.warmup_factor", "\(plan.schedule.warmupFactor)"),
            ("clip", plan.clip.map { "\($0)" } ?? "off"), ("ema", plan.ema.map { "\($0)" } ?? "off"),
            ("freeze.stages", "\(plan.freezing.stages)"), ("freeze.batch_norm", "\(plan.freezing.batchNorm)"),
            ("sampling.anchors", "\(sampling.anchors.size)"), ("sampling.regions", "\(sampling.regions.size)"),
            ("sampling.pre_nms", "\(sampling.preNmsTopN)"), ("sampling.post_nms", "\(sampling.postNmsTopN)"),
            ("augment.flip", "\(augmentation.flip)"), ("augment.scales", "\(augmentation.scales)"),
            ("augment.brightness", "\(augmentation.brightness)"), ("augment.contrast", "\(augmentation.contrast)"),
            ("augment.saturation", "\(augmentation.saturation)"), ("augment.hue", "\(augmentation.hue)"),
        ]
        values += decay
    }

    /// What differs from the record of a checkpoint. A key that one of the two does not have differs in nothing.
    ///
    /// - Parameter json: As `json` gave it, perhaps in another version; what cannot be read differs in nothing.
    func changes(since json: String) -> [TrainingRun.Resumption.Change] {
        guard let old = try? JSONDecoder().decode([String: String].self, from: Data(json.utf8)) else { return [] }
        return values.compactMap { key, value in
            guard let before = old[key], before != value else { return nil }
            return TrainingRun.Resumption.Change(
                key: key, old: printable(before, limit: Self.longestValue), new: value,
                isOfRow: Self.rowKeys.contains(key))
        }
    }

    /// One object; the same record has the same text.
    var json: String {
        // Keys and values are plain words, which JSON can hold.
        let object = Dictionary(uniqueKeysWithValues: values.map { ($0.key, $0.value) })
        let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
