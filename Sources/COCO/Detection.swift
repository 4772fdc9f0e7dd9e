import Files
import Instances

/// An object that a detector has found, as COCO's results have it.
public struct Detection: Sendable, Equatable {
    public var imageID: Int
    public var categoryID: Int
    /// Confidence; only its order counts.
    public var score: Double
    public var rectangle: COCODataset.Rectangle
    /// Square pixels; what decides whether an object is small, medium or large.
    public var area: Double
    /// The object's pixels, where masks are evaluated.
    public var segmentation: Segmentation?

    /// - Parameter area: The box's where nil.
    public init(
        imageID: Int, categoryID: Int, score: Double, rectangle: COCODataset.Rectangle, area: Double? = nil,
        segmentation: Segmentation? = nil
    ) {
        (self.imageID, self.categoryID, self.score) = (imageID, categoryID, score)
        (self.rectangle, self.area, self.segmentation) = (rectangle, area ?? rectangle.area, segmentation)
    }

    /// Takes a detector's object, its numbers rounded as `Instance.appendFields` writes them, so that an evaluation of the written
    /// results gives the same figures to the last digit.
    ///
    /// - Parameter categoryID: The category's number in the data set.
    public init(_ instance: Instance, imageID: Int, categoryID: Int) {
        func rounded(_ value: Float, _ scale: Double) -> Double { (Double(value) * scale).rounded() / scale }
        let box = instance.box
        self.init(
            imageID: imageID, categoryID: categoryID, score: rounded(instance.score, 1e6),
            rectangle: COCODataset.Rectangle(
                x: rounded(box.x0, 1e3), y: rounded(box.y0, 1e3), width: rounded(box.width, 1e3),
                height: rounded(box.height, 1e3)),
            segmentation: instance.mask.map { .counts(width: $0.width, height: $0.height, $0.counts) })
    }

    /// Reads COCO's array of results, as pycocotools' `loadRes` does: areas are those of boxes where the first result has a box, and
    /// else those of masks. A result with neither box nor mask is an error.
    ///
    /// - Parameter dataset: What the results belong to.
    /// - Throws: `FileError`; `COCOError.malformed`, and `.wrongResult` for one of an image that the data set does not have.
    public static func read(_ path: String, of dataset: COCODataset) throws -> [Detection] {
        try MappedFile(path: path).withUnsafeBytes { try read($0, path: path, of: dataset) }
    }

    /// Reads text that is in memory already.
    static func read(text: [UInt8], path: String, of dataset: COCODataset) throws -> [Detection] {
        try text.withUnsafeBytes { try read($0, path: path, of: dataset) }
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer, path: String, of dataset: COCODataset
    ) throws -> [Detection] {
        var json = JSONReader(bytes)
        var detections: [Detection] = []
        var areBoxes = true
        do {
            try json.array("the file") { json in
                let result = try StoredResult(&json)
                if detections.isEmpty { areBoxes = result.rectangle != nil }
                do {
                    detections.append(try result.detection(of: dataset, areaOfBox: areBoxes))
                } catch let misfit as Segmentation.Misfit {
                    throw COCOError.wrongResult(
                        path: path, number: detections.count + 1, reason: misfit.description)
                }
            }
            try json.end()
        } catch let failure as JSONReader.Failure {
            throw COCOError(failure, in: json, path: path)
        }
        return detections
    }
}

/// What one entry of a results file says.
private struct StoredResult {
    let imageID: Int
    let categoryID: Int
    let score: Double
    let rectangle: COCODataset.Rectangle?
    let segmentation: Segmentation?

    init(_ json: inout JSONReader) throws {
        let start = json.position
        var (imageID, categoryID, score) = (Int?.none, Int?.none, Double?.none)
        var rectangle: COCODataset.Rectangle?
        var segmentation: Segmentation?
        var boxProblem: String?
        try json.object("a result") { json, key in
            switch key {
            case "image_id": imageID = try json.integer(key)
            case "category_id": categoryID = try json.integer(key)
            case "score": score = try json.number(key)
            case "bbox": (rectangle, boxProblem) = try json.rectangle(key)
            case "segmentation": segmentation = try json.segmentation(key)
            default: try json.skip()
            }
        }
        func failure(_ reason: String) -> JSONReader.Failure {
            JSONReader.Failure(offset: start, reason: "a result \(reason)")
        }
        if let boxProblem { throw failure("is wrong: \(boxProblem)") }
        guard let imageID else { throw failure("has no image_id") }
        guard let categoryID else { throw failure("has no category_id") }
        guard let score else { throw failure("has no score") }
        guard !score.isNaN else { throw failure("has a score that is not a number") }
        guard rectangle?.isFinite != false else { throw failure("has a bbox with a number that is not finite") }
        (self.imageID, self.categoryID, self.score) = (imageID, categoryID, score)
        (self.rectangle, self.segmentation) = (rectangle, segmentation)
    }

    /// - Throws: `Segmentation.Misfit` where the result does not belong to the data set or has no place in its image.
    func detection(of dataset: COCODataset, areaOfBox: Bool) throws -> Detection {
        guard let index = dataset.imageIndex(id: imageID) else {
            throw Segmentation.Misfit(
                "image \(imageID) is not in \(dataset.path); are they results of another data set?")
        }
        var rectangle = rectangle
        var area: Double?
        if rectangle == nil || !areaOfBox {
            guard let segmentation else { throw Segmentation.Misfit("there is neither a bbox nor a segmentation") }
            let image = dataset.images[index]
            let mask = try segmentation.fitted(height: image.height, width: image.width)
            // An empty mask has an empty box.
            rectangle = rectangle ?? COCODataset.Rectangle(mask.boundingBox ?? Box(x0: 0, y0: 0, x1: 0, y1: 0))
            if !areaOfBox { area = Double(mask.area) }
        }
        return Detection(
            imageID: imageID, categoryID: categoryID, score: score,
            rectangle: rectangle ?? COCODataset.Rectangle(x: 0, y: 0, width: 0, height: 0), area: area,
            segmentation: segmentation)
    }
}
