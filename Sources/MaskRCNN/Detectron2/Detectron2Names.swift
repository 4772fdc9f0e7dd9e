/// Turns Detectron2's names into torchvision's.
struct Detectron2Names {
    /// Whether the backbone's last stage is the heads'.
    let isC4: Bool
    /// Convolutions of the box head, which its first fully connected layer is numbered after.
    let boxConvolutions: Int

    init(_ names: some Collection<String>) {
        isC4 = names.contains { $0.hasPrefix("roi_heads.res5.") }
        boxConvolutions = names.count { name in
            name.hasPrefix("roi_heads.box_head.conv") && name.hasSuffix(".weight") && !name.contains(".norm.")
        }
    }

    /// Whether a tensor says how pictures are normalised or where anchors lie, and is no weight.
    static func isSetting(_ name: String) -> Bool {
        name == "pixel_mean" || name == "pixel_std" || name.hasPrefix("proposal_generator.anchor_generator.")
    }

    /// Torchvision's name; the same where there is none, so that a message can show it.
    func current(for name: String) -> String {
        var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        switch (parts.first, parts.dropFirst().first) {
        case ("backbone", "bottom_up"):
            parts.removeFirst(2)
            return backbone(parts, body: "backbone.body") ?? name
        case ("backbone", let block?) where block.hasPrefix("fpn_"): return pyramid(parts, block) ?? name
        case ("backbone", _): return backbone(Array(parts.dropFirst()), body: "backbone.body") ?? name
        case ("roi_heads", "res5"): return backbone(Array(parts.dropFirst()), body: "roi_heads") ?? name
        case ("proposal_generator", "rpn_head"): return proposals(Array(parts.dropFirst(2))) ?? name
        case ("roi_heads", "box_head"): return boxHead(Array(parts.dropFirst(2))) ?? name
        case ("roi_heads", "mask_head"): return maskHead(Array(parts.dropFirst(2))) ?? name
        default: return name
        }
    }

    /// `stem.conv1.weight`, `res2.0.conv1.norm.bias`, `res2.0.shortcut.weight`.
    private func backbone(_ parts: [String], body: String) -> String? {
        if parts.first == "stem" {
            guard parts.dropFirst().first == "conv1" else { return nil }
            switch parts.count {
            case 3: return "\(body).conv1.\(parts[2])"
            case 4 where parts[2] == "norm": return "\(body).bn1.\(parts[3])"
            default: return nil
            }
        }
        guard parts.count >= 4, let stage = Self.number(parts[0], after: "res"), stage >= 2 else { return nil }
        let block = "\(body).layer\(stage - 1).\(parts[1])"
        let isNorm = parts.count == 5 && parts[3] == "norm"
        guard isNorm || parts.count == 4 else { return nil }
        let last = parts[parts.count - 1]
        if parts[2] == "shortcut" { return "\(block).downsample.\(isNorm ? 1 : 0).\(last)" }
        guard let number = Self.number(parts[2], after: "conv") else { return nil }
        return "\(block).\(isNorm ? "bn" : "conv")\(number).\(last)"
    }

    /// `backbone.fpn_lateral2.weight`, `backbone.fpn_output2.norm.weight`.
    private func pyramid(_ parts: [String], _ block: String) -> String? {
        for (prefix, blocks) in [("fpn_lateral", "inner_blocks"), ("fpn_output", "layer_blocks")] {
            guard let level = Self.number(block, after: prefix), level >= 2 else { continue }
            return Self.sequence("backbone.fpn.\(blocks).\(level - 2)", Array(parts.dropFirst(2)))
        }
        return nil
    }

    /// `conv.weight`, or `conv.conv0.weight` where there are several; `objectness_logits.weight`, `anchor_deltas.weight`.
    private func proposals(_ parts: [String]) -> String? {
        switch parts.first {
        case "conv" where parts.count == 2: return "rpn.head.conv.0.0.\(parts[1])"
        case "conv" where parts.count == 3:
            return Self.number(parts[1], after: "conv").map { "rpn.head.conv.\($0).0.\(parts[2])" }
        case "objectness_logits" where parts.count == 2: return "rpn.head.cls_logits.\(parts[1])"
        case "anchor_deltas" where parts.count == 2: return "rpn.head.bbox_pred.\(parts[1])"
        default: return nil
        }
    }

    /// `conv1.weight`, `conv1.norm.weight`, `fc1.weight`.
    private func boxHead(_ parts: [String]) -> String? {
        guard let layer = parts.first else { return nil }
        if let number = Self.number(layer, after: "conv"), number >= 1 {
            return Self.sequence("roi_heads.box_head.\(number - 1)", Array(parts.dropFirst()))
        }
        guard parts.count == 2, let number = Self.number(layer, after: "fc"), number >= 1 else { return nil }
        return boxConvolutions > 0
            ? "roi_heads.box_head.\(boxConvolutions + number).\(parts[1])"
            : "roi_heads.box_head.fc\(number + 5).\(parts[1])"
    }

    /// `mask_fcn1.weight`, `mask_fcn1.norm.weight`, `deconv.weight`, `predictor.weight`.
    private func maskHead(_ parts: [String]) -> String? {
        guard let layer = parts.first else { return nil }
        switch layer {
        case "deconv" where parts.count == 2: return "roi_heads.mask_predictor.conv5_mask.\(parts[1])"
        case "predictor" where parts.count == 2: return "roi_heads.mask_predictor.mask_fcn_logits.\(parts[1])"
        default:
            guard let number = Self.number(layer, after: "mask_fcn"), number >= 1 else { return nil }
            return Self.sequence("roi_heads.mask_head.\(number - 1)", Array(parts.dropFirst()))
        }
    }

    /// A convolution's parameter, or its normalisation's, as torchvision's blocks number them.
    private static func sequence(_ block: String, _ parts: [String]) -> String? {
        switch parts.count {
        case 1: "\(block).0.\(parts[0])"
        case 2 where parts[0] == "norm": "\(block).1.\(parts[1])"
        default: nil
        }
    }

    /// At most 1000, so that nothing overflows.
    private static func number(_ text: String, after prefix: String) -> Int? {
        guard text.hasPrefix(prefix), let number = Int(text.dropFirst(prefix.count)), (0...1000).contains(number)
        else { return nil }
        return number
    }
}
