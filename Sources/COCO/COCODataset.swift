import Instances

/// A set of pictures with COCO's instance annotations (cocodataset.org, "Data format").
public struct COCODataset: Sendable {
    /// A picture of the set.
    public struct Image: Sendable, Equatable {
        public var id: Int
        /// Relative to the folder of the pictures.
        public var fileName: String
        /// Pixels.
        public var width: Int
        /// Pixels.
        public var height: Int

        public init(id: Int, fileName: String, width: Int, height: Int) {
            self.id = id
            self.fileName = fileName
            self.width = width
            self.height = height
        }
    }

    /// An object, or a crowd of them, in a picture.
    public struct Annotation: Sendable {
        public var id: Int
        public var imageID: Int
        public var categoryID: Int
        /// Left, top, width and height, pixels.
        public var bbox: SIMD4<Double>
        /// Square pixels; what the file says, or else what the outline covers.
        public var area: Double?
        /// Whether it stands for a group, whose single objects are not told apart.
        public var isCrowd: Bool
        public var segmentation: Segmentation?

        public init(
            id: Int, imageID: Int, categoryID: Int, bbox: SIMD4<Double>, area: Double? = nil, isCrowd: Bool = false,
            segmentation: Segmentation? = nil
        ) {
            self.id = id
            self.imageID = imageID
            self.categoryID = categoryID
            self.bbox = bbox
            self.area = area
            self.isCrowd = isCrowd
            self.segmentation = segmentation
        }

        /// The box by its edges.
        public var box: Box {
            Box(
                x0: Float(bbox.x), y0: Float(bbox.y), x1: Float(bbox.x + bbox.z), y1: Float(bbox.y + bbox.w))
        }

        /// The object's pixels in a picture of some size; nil where there is no outline, or one that does not fit.
        public func mask(height: Int, width: Int) -> Mask? {
            try? segmentation?.mask(height: height, width: width)
        }
    }

    /// Where the set was read from; messages name it.
    public let path: String
    public let images: [Image]
    public let categories: [Instances.Category]
    public let annotations: [Annotation]
    /// Places among the annotations by image id, in their order.
    private let places: [Int: [Int]]

    public init(path: String, images: [Image], categories: [Instances.Category], annotations: [Annotation]) {
        self.path = path
        self.images = images
        self.categories = categories
        self.annotations = annotations
        places = Dictionary(grouping: annotations.indices) { annotations[$0].imageID }
    }

    /// What is annotated in a picture.
    public func annotations(of imageID: Int) -> [Annotation] { (places[imageID] ?? []).map { annotations[$0] } }
}
