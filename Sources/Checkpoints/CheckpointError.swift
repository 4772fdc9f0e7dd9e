/// Why a checkpoint could not be loaded or does not fit.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
    /// The file has no bytes.
    case empty(path: String)
    /// The first bytes belong to no format that is known here.
    case unknownFormat(path: String)
    /// A known format or feature that is not read; `what` says which, and what to do.
    case unsupported(path: String, what: String)
    /// The file contradicts its own format; `what` says where.
    case malformed(path: String, what: String)
    /// The pickle names something other than tensors and their containers, such as `os.system`.
    case refusedGlobal(path: String, name: String)
    /// Names and shapes do not fit the model; every difference in one message.
    case mismatch(path: String, differences: ManifestDifferences)
    /// A weight is infinite or not a number.
    case nonFinite(path: String, tensor: String, index: [Int], value: String)

    public var description: String {
        switch self {
        case .empty(let path): "\(path): the file is empty"
        case .unknownFormat(let path):
            "\(path): neither a .safetensors file, a .pth file of torch.save nor a .pkl file of arrays; the first bytes belong to none"
        case .unsupported(let path, let what): "\(path): \(what)"
        case .malformed(let path, let what): "\(path): damaged checkpoint: \(what)"
        case .refusedGlobal(let path, let name):
            "refused to load \(path): its pickle names \(name); only tensors and plain containers are read. "
                + "In PyTorch, save model.state_dict() instead of the object"
        case .mismatch(let path, let differences): "\(path): the weights do not fit the model: \(differences)"
        case .nonFinite(let path, let tensor, let index, let value):
            "\(path): \(tensor) has \(value) at \(index); a network with such a weight detects nothing. "
                + "Take a checkpoint from before training diverged"
        }
    }
}

/// A name from an untrusted file made fit for a terminal: no control characters, bounded length.
///
/// - Parameter limit: Characters of the name that are kept.
package func printable(_ name: some StringProtocol, limit: Int = 120) -> String {
    var text = ""
    for scalar in name.unicodeScalars.prefix(limit) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
            text += "\\u{\(String(scalar.value, radix: 16))}"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return name.unicodeScalars.count > limit ? text + "…" : text
}
