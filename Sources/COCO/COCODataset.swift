import Instances

/// Images and the objects annotated in them, as a file of COCO's instance annotations has them (cocodataset.org, "Data format").
///
/// Reading checks no more than that values have the right types: `problems` says what else is wrong.
public struct COCODataset: Sendable {
    /// A picture.
    public struct Image: Sendable, Equatable {
        public let id: Int
        /// The file's name, relative to the folder of images; empty where the data set has none.
        public let fileName: String
        /// Pixels; 0 where the data set does not say, as for `height`.
        public let width: Int
        public let height: Int

        /// Whether a picture can have the size: sides of 1...65536 pixels, and no more than 32 bits count.
        static func isPossible(width: Int, height: Int) -> Bool {
            (1...65536).contains(width) && (1...65536).contains(height) && width * height <= Int(UInt32.max)
        }
    }

    /// A box as COCO writes it, in the file's own precision.
    public struct Rectangle: Sendable, Equatable {
        /// The left edge, pixels.
        public var x: Double
        /// The top edge, pixels.
        public var y: Double
        /// Pixels, as for `height`.
        public var width: Double
        public var height: Double

        public init(x: Double, y: Double, width: Double, height: Double) {
            (self.x, self.y, self.width, self.height) = (x, y, width, height)
        }

        init(_ box: Box) {
            self.init(
                x: Double(box.x0), y: Double(box.y0), width: Double(box.width), height: Double(box.height))
        }

        /// The edges, pixels.
        public var box: Box { Box(x0: Float(x), y0: Float(y), x1: Float(x + width), y1: Float(y + height)) }
        /// Square pixels.
        public var area: Double { width * height }

        var isFinite: Bool { x.isFinite && y.isFinite && width.isFinite && height.isFinite }
    }

    /// An object in a picture, or a crowd of them.
    public struct Annotation: Sendable, Equatable {
        public let id: Int
        public let imageID: Int
        public let categoryID: Int
        /// The box; that around the mask where the file has none, and of no size where there is neither.
        public internal(set) var rectangle: Rectangle
        /// The object's area, square pixels; the mask's or else the box's where the file does not say.
        public internal(set) var area: Double
        /// Whether it stands for a group of objects, which evaluation neither demands nor forbids.
        public let isCrowd: Bool
        public let segmentation: Segmentation?

        /// The box's edges, pixels.
        public var box: Box { rectangle.box }

        /// The pixels in a picture of the given size; nil where there is no segmentation, or one that does not fit.
        public func mask(height: Int, width: Int) -> Mask? { segmentation?.mask(height: height, width: width) }
    }

    /// The file's name, for messages.
    public let path: String
    /// In the file's order.
    public let images: [Image]
    /// In the file's order.
    public let categories: [Category]
    /// In the file's order.
    public let annotations: [Annotation]

    /// Places in `annotations`, image by image.
    private let order: [Int32]
    /// Where each image's places begin in `order`, and where the last one's end.
    private let starts: [Int]
    private let imageIndices: [Int: Int]
    /// What reading has noticed.
    let findings: [COCOProblem]

    init(
        path: String, images: [Image], categories: [Category], annotations: [Annotation], findings: [COCOProblem] = []
    ) {
        (self.path, self.images, self.categories, self.annotations) = (path, images, categories, annotations)
        self.findings = findings
        let indices = Dictionary(images.enumerated().map { ($1.id, $0) }) { first, _ in first }
        imageIndices = indices

        // Counts by image become the places where each one's annotations begin.
        let owners = annotations.map { indices[$0.imageID] }
        var starts = [Int](repeating: 0, count: images.count + 1)
        for case let owner? in owners { starts[owner + 1] += 1 }
        for image in images.indices { starts[image + 1] += starts[image] }
        var next = starts
        var order = [Int32](repeating: 0, count: starts[images.count])
        for (place, owner) in owners.enumerated() {
            guard let owner else { continue }
            order[next[owner]] = Int32(place)
            next[owner] += 1
        }
        (self.order, self.starts) = (order, starts)
    }

    /// The objects of an image, in the file's order.
    ///
    /// - Parameter index: The image's place in `images`.
    public func annotations(ofImageAt index: Int) -> [Annotation] {
        annotationIndices(ofImageAt: index).map { annotations[Int($0)] }
    }

    /// The places in `annotations` of an image's objects, in the file's order.
    func annotationIndices(ofImageAt index: Int) -> ArraySlice<Int32> { order[starts[index]..<starts[index + 1]] }

    /// The place in `images` of the image with an id, of the first where there are several; nil where there is none.
    public func imageIndex(id: Int) -> Int? { imageIndices[id] }

    /// Where an image's file lies.
    ///
    /// - Throws: `COCOError.escapingName` where the name leads out of the folder.
    public func path(of image: Image, in folder: String) throws -> String {
        guard Self.staysInside(image.fileName) else {
            throw COCOError.escapingName(path: path, image: image.id, name: image.fileName)
        }
        return folder.hasSuffix("/") ? folder + image.fileName : "\(folder)/\(image.fileName)"
    }

    /// Whether a name leads to something in a folder: relative, without `..`, and without what ends a name in C.
    static func staysInside(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("/") && !name.utf8.contains(0)
            && !name.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
    }
}
