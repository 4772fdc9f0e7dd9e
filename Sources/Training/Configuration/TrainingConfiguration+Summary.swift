import MaskRCNN

extension TrainingConfiguration {
    /// What the configuration comes to, as a table for people.
    public var summary: String {
        let pictures = accumulate == 1 ? "\(batch)" : "\(accumulate) batches of \(batch)"
        let head =
            "\(file): \(iterations) iterations, each of \(pictures) \(batch * accumulate == 1 ? "picture" : "pictures")"
        let rows = [
            ("start", startText), ("train", text(of: train)),
            ("validation", validation.map(text(of:)) ?? "none"),
            ("rate", rateText),
            ("descent", descentText), ("frozen", frozenText),
            (
                "sampling",
                "\(sampling.anchors.size) anchors, \(sampling.regions.size) regions of \(sampling.postNmsTopN) proposals "
                    + "from \(sampling.preNmsTopN) candidates a level"
            ),
            ("pictures", pictureText), ("evaluation", evaluateEvery.map { "every \($0) iterations" } ?? "none"),
            ("output", "\(output), every \(checkpointEvery) iterations, the newest \(keep) kept"),
            (
                "run",
                "seed \(seed), \(threads.map { "\($0) threads" } ?? "a thread a processor"), \(loaders) to read pictures"
            ),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        let lines = rows.map { name, text in name + String(repeating: " ", count: width - name.count + 2) + text }
        return ([head] + lines).joined(separator: "\n")
    }

    private var startText: String {
        switch start {
        case .checkpoint(let path): return path
        case .model(let model):
            let backbone = model.backbone
            let kind = backbone.groups > 1 ? "ResNeXt" : "ResNet"
            let blocks = backbone.layers.map(String.init).joined(separator: ", ")
            return "random weights, \(kind) of [\(blocks)] \(backbone.block.rawValue) blocks, pictures of "
                + "\(model.transform.minSize) to \(model.transform.maxSize) pixels"
        }
    }

    private func text(of data: DataSet) -> String { "\(data.annotations), images in \(data.images)" }

    private var rateText: String {
        let warmup = schedule.warmup > 0 ? ", warm-up of \(schedule.warmup) iterations" : ""
        let course =
            switch schedule.decay {
            case .cosine: ", cosine to 0"
            case .steps([], _): ""
            case .steps(let steps, let factor):
                ", times \(factor) at \(steps.map(String.init).joined(separator: ", "))"
            }
        return "\(schedule.rate)\(warmup)\(course)"
    }

    private var descentText: String {
        let clipped = clip.map { ", gradients cut to \($0)" } ?? ""
        let averaged = ema.map { ", average with a decay of \($0)" } ?? ""
        return "momentum \(momentum), weight decay \(weightDecay)\(clipped)\(averaged)"
    }

    private var frozenText: String {
        let stages =
            switch freezing.stages {
            case 0: [String]()
            case 1: ["first convolution"]
            case 2: ["first convolution", "1 stage"]
            default: ["first convolution", "\(freezing.stages - 1) stages"]
            }
        let parts = stages + (freezing.batchNorm ? ["batch normalisation"] : [])
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    private var pictureText: String {
        let scales = augmentation.scales.map(String.init).joined(separator: ", ")
        let changes = [
            ("brightness", augmentation.brightness), ("contrast", augmentation.contrast),
            ("saturation", augmentation.saturation), ("hue", augmentation.hue),
        ].filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }
        return (["flip \(augmentation.flip)"] + (scales.isEmpty ? [] : ["scales \(scales)"]) + changes)
            .joined(separator: ", ")
    }
}
