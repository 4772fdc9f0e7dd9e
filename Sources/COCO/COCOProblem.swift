/// Something in a data set that training or evaluation cannot use as it is.
public struct COCOProblem: Sendable, Equatable, CustomStringConvertible {
    /// What kind of problem it is.
    public enum Kind: String, Sendable, CaseIterable {
        /// The data set has no images, no categories or no annotations.
        case empty
        /// Two images, annotations or categories have one id.
        case duplicateID
        /// A category's name is empty, or another category's too.
        case categoryName
        /// An image's name is empty or leads out of the folder.
        case fileName
        /// An image's file is not there.
        case missingFile
        /// An image has a size that no picture has.
        case impossibleSize
        /// The image's file has another size than the data set says.
        case wrongSize
        /// An annotation names an image that the data set does not have.
        case missingImage
        /// An annotation names a category that the data set does not have.
        case unknownCategory
        /// A number is infinite or not a number.
        case notFinite
        /// A box has not four numbers.
        case malformedBox
        /// An annotation has neither a box nor a segmentation.
        case missingBox
        /// A box has no area.
        case emptyBox
        /// A box reaches out of its image.
        case boxOutside
        /// An annotation has no segmentation, where masks are needed.
        case missingMask
        /// A polygon has an x without its y, or coordinates that no picture has.
        case malformedPolygon
        /// A polygon has fewer than three corners.
        case shortPolygon
        /// Run lengths are not COCO's, or do not cover the image.
        case malformedMask
    }

    public let kind: Kind
    /// What it is about, with its id: `annotation 17`.
    public let place: String
    /// What is wrong there.
    public let reason: String

    init(_ kind: Kind, _ place: String, _ reason: String) {
        (self.kind, self.place, self.reason) = (kind, place, reason)
    }

    /// Whether the data set has to be corrected; otherwise the object or polygon may be cut, or left out, as COCO's own files need it.
    public var isError: Bool {
        switch kind {
        case .emptyBox, .boxOutside, .shortPolygon: false
        default: true
        }
    }

    public var description: String { "\(place) \(reason)" }
}
