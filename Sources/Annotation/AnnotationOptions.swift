/// What an `Annotator` draws.
public struct AnnotationOptions: Sendable, Equatable {
    /// Whether masks are filled and outlined.
    public var masks: Bool
    /// Whether boxes are outlined.
    public var boxes: Bool
    /// Whether class, score and identity are written; needs a font.
    public var labels: Bool
    /// How much of the picture a mask's fill covers, 0...1; its contour covers it wholly.
    public var opacity: Float

    public init(masks: Bool = true, boxes: Bool = true, labels: Bool = true, opacity: Float = 0.4) {
        self.masks = masks
        self.boxes = boxes
        self.labels = labels
        self.opacity = opacity
    }
}

/// Why an `Annotator` cannot draw.
public enum AnnotationError: Error, Equatable, CustomStringConvertible {
    /// The system has no font with outlines.
    case noFont
    /// FreeType or fontconfig would not start.
    case textLibrary(name: String)

    public var description: String {
        switch self {
        case .noFont:
            "labels need a font and none is installed; install one, such as the package fonts-dejavu-core, or turn labels off"
        case .textLibrary(let name): "labels cannot be drawn: \(name) does not start; turn labels off"
        }
    }
}
