/// Why a COCO file could not be used.
public enum COCOError: Error, Equatable, CustomStringConvertible {
    /// The text is not JSON, or not COCO's: `column` counts bytes, both from 1.
    case malformed(path: String, line: Int, column: Int, reason: String)
    /// A file name that leads out of the folder of images.
    case escapingName(path: String, image: Int, name: String)
    /// A result that belongs to nothing in the data set, or has no use; `number` is its place in the array, from 1.
    case wrongResult(path: String, number: Int, reason: String)
    /// A detection's mask that does not cover its image.
    case wrongMask(image: Int, category: Int, reason: String)

    public var description: String {
        switch self {
        case .malformed(let path, let line, let column, let reason): "\(path):\(line):\(column): \(reason)"
        case .escapingName(let path, let image, let name):
            "\(path): image \(image): the file name \(quoted(name)) leads out of the folder of images"
        case .wrongResult(let path, let number, let reason): "\(path): result \(number): \(reason)"
        case .wrongMask(let image, let category, let reason):
            "a result of image \(image), category \(category): \(reason)"
        }
    }
}

/// Text from a file in quotes, on one line and of bearable length.
func quoted(_ text: String) -> String { String(text.prefix(100)).debugDescription }
