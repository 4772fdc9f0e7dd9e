/// Turns the names that a checkpoint was stored under into those that torchvision uses today.
///
/// Wrappers leave prefixes (`module.` by DataParallel, `_orig_mod.` by torch.compile), and torchvision renamed some layers when
/// they became blocks. Detectron2's names stay as they are: some of them look like torchvision's old ones.
public struct TensorNames: Sendable {
    /// Whether these are Detectron2's names.
    public let isDetectron2: Bool
    private let prefix: String

    private static let wrappers = ["module.", "_orig_mod."]

    /// Looks at all of a checkpoint's names, since a prefix counts only where every name has it.
    public init(stored: some Collection<String>) {
        var prefix = ""
        while !stored.isEmpty,
            let next = Self.wrappers.first(where: { wrapper in stored.allSatisfy { $0.hasPrefix(prefix + wrapper) } })
        {
            prefix += next
        }
        self.prefix = prefix
        isDetectron2 = stored.contains { name in
            let name = name.dropFirst(prefix.count)
            // A single-level model has nothing below its backbone.
            return name.hasPrefix("backbone.bottom_up.") || name.hasPrefix("proposal_generator.")
        }
    }

    /// Today's name, or nil for a tensor that has no use in a model (`num_batches_tracked`).
    public func current(for stored: String) -> String? {
        let name = String(stored.dropFirst(prefix.count))
        if name == "num_batches_tracked" || name.hasSuffix(".num_batches_tracked") { return nil }
        return isDetectron2 ? name : Self.modernized(name)
    }

    private static func modernized(_ name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let kind = parts.last, kind == "weight" || kind == "bias" else { return name }
        switch parts.dropLast() {
        case ["rpn", "head", "conv"]:
            return "rpn.head.conv.0.0.\(kind)"
        case ["backbone", "fpn", "inner_blocks", parts[safe: 3]], ["backbone", "fpn", "layer_blocks", parts[safe: 3]]:
            return Int(parts[3]) == nil ? name : "backbone.fpn.\(parts[2]).\(parts[3]).0.\(kind)"
        case ["roi_heads", "mask_head", parts[safe: 2]] where parts[2].hasPrefix("mask_fcn"):
            guard let number = Int(parts[2].dropFirst("mask_fcn".count)), number >= 1 else { return name }
            return "roi_heads.mask_head.\(number - 1).0.\(kind)"
        default:
            return name
        }
    }
}

extension [Substring] {
    /// The element, or an empty text where there is none.
    fileprivate subscript(safe index: Int) -> Substring { indices.contains(index) ? self[index] : "" }
}
