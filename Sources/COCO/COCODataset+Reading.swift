import Files
import Instances

extension COCODataset {
    /// Reads a file of instance annotations.
    ///
    /// Unknown keys are passed over. What may be missing: everything of an annotation but its numbers of image and category.
    ///
    /// - Throws: `FileError`; `COCOError.malformed` where the file is not JSON, or a value has the wrong type.
    public init(path: String) throws {
        let file = try MappedFile(path: path)
        self = try file.withUnsafeBytes { bytes in
            try Self.read(bytes, path: path) { file.releasePages(0..<$0) }
        }
    }

    /// Reads text that is in memory already.
    ///
    /// - Parameter path: What messages call it.
    init(text: [UInt8], path: String) throws {
        self = try text.withUnsafeBytes { try Self.read($0, path: path) { _ in } }
    }

    /// - Parameter release: Told now and then up to where the text is done with.
    private static func read(
        _ bytes: UnsafeRawBufferPointer, path: String, release: (Int) -> Void
    ) throws -> COCODataset {
        var json = JSONReader(bytes)
        do {
            var reader = DatasetReader()
            try reader.read(&json, release: release)
            return reader.dataset(path: path)
        } catch let failure as JSONReader.Failure {
            throw COCOError(failure, in: json, path: path)
        }
    }
}

extension COCOError {
    init(_ failure: JSONReader.Failure, in json: JSONReader, path: String) {
        let (line, column) = json.place(of: failure.offset)
        self = .malformed(path: path, line: line, column: column, reason: failure.reason)
    }
}

/// Collects what a data set's file says.
private struct DatasetReader {
    private var images: [COCODataset.Image] = []
    private var categories: [Category] = []
    private var annotations: [COCODataset.Annotation] = []
    /// Places of annotations whose box or area has to be found.
    private var incomplete: [(place: Int, needsBox: Bool, needsArea: Bool)] = []
    private var findings: [COCOProblem] = []

    /// Bytes after which pages go back, so that a large file is never in memory as a whole.
    private static let releaseInterval = 16 << 20

    mutating func read(_ json: inout JSONReader, release: (Int) -> Void) throws {
        var known = Set<String>()
        try json.object("the file") { json, key in
            switch key {
            // As with Python, the last of equal keys counts.
            case "images":
                images = []
                try json.array(key) { try readImage(&$0) }
            case "categories":
                categories = []
                try json.array(key) { try readCategory(&$0) }
            case "annotations":
                (annotations, incomplete, findings) = ([], [], [])
                var released = json.position
                try json.array(key) { json in
                    try readAnnotation(&json)
                    if json.position - released > Self.releaseInterval {
                        released = json.position
                        release(released)
                    }
                }
            default: return try json.skip()
            }
            known.insert(key)
        }
        try json.end()
        for key in ["images", "annotations", "categories"] where !known.contains(key) {
            throw json.failure("the file has no \(key), so it is not COCO's instance annotations")
        }
    }

    /// Puts the parts together, and adds the boxes and areas that the file does not have.
    func dataset(path: String) -> COCODataset {
        var annotations = annotations
        let sizes = Dictionary(images.map { ($0.id, (width: $0.width, height: $0.height)) }) { first, _ in first }
        for (place, needsBox, needsArea) in incomplete {
            let size = sizes[annotations[place].imageID]
            let mask = size.flatMap { annotations[place].mask(height: $0.height, width: $0.width) }
            if needsBox, let box = mask?.boundingBox { annotations[place].rectangle = COCODataset.Rectangle(box) }
            if needsArea { annotations[place].area = mask.map { Double($0.area) } ?? annotations[place].rectangle.area }
        }
        return COCODataset(
            path: path, images: images, categories: categories, annotations: annotations, findings: findings)
    }

    private mutating func readImage(_ json: inout JSONReader) throws {
        let start = json.position
        var (id, name, width, height) = (Int?.none, "", 0, 0)
        try json.object("an image") { json, key in
            switch key {
            case "id": id = try json.integer("an image's id")
            case "file_name": name = try json.null() ? "" : try json.string(key)
            case "width": width = try json.null() ? 0 : try json.integer(key)
            case "height": height = try json.null() ? 0 : try json.integer(key)
            default: try json.skip()
            }
        }
        guard let id else { throw JSONReader.Failure(offset: start, reason: "an image has no id") }
        images.append(COCODataset.Image(id: id, fileName: name, width: width, height: height))
    }

    private mutating func readCategory(_ json: inout JSONReader) throws {
        let start = json.position
        var (id, name) = (Int?.none, "")
        try json.object("a category") { json, key in
            switch key {
            case "id": id = try json.integer("a category's id")
            case "name": name = try json.null() ? "" : try json.string("a category's name")
            default: try json.skip()
            }
        }
        guard let id else { throw JSONReader.Failure(offset: start, reason: "a category has no id") }
        categories.append(Category(id: id, name: name))
    }

    private mutating func readAnnotation(_ json: inout JSONReader) throws {
        let start = json.position
        var (id, imageID, categoryID) = (Int?.none, Int?.none, Int?.none)
        var (area, isCrowd) = (Double?.none, false)
        var rectangle: COCODataset.Rectangle?
        var boxProblem: String?
        var segmentation: Segmentation?
        try json.object("an annotation") { json, key in
            switch key {
            case "id": id = try json.integer("an annotation's id")
            case "image_id": imageID = try json.integer(key)
            case "category_id": categoryID = try json.integer(key)
            case "iscrowd": isCrowd = try json.null() ? false : try json.bool(key)
            case "area": area = try json.null() ? nil : try json.number(key)
            case "bbox": (rectangle, boxProblem) = try json.rectangle(key)
            case "segmentation": segmentation = try json.segmentation(key)
            default: try json.skip()
            }
        }
        func missing(_ what: String) -> JSONReader.Failure {
            JSONReader.Failure(offset: start, reason: "an annotation has no \(what)")
        }
        guard let imageID else { throw missing("image_id") }
        guard let categoryID else { throw missing("category_id") }
        // Files without numbers of annotations are evaluated as well; what is wrong is then said by place.
        let number = id ?? annotations.count + 1
        if let boxProblem { findings.append(COCOProblem(.malformedBox, "annotation \(number)", boxProblem)) }
        if rectangle == nil || area == nil {
            incomplete.append((annotations.count, rectangle == nil, area == nil))
        }
        annotations.append(
            COCODataset.Annotation(
                id: number, imageID: imageID, categoryID: categoryID,
                rectangle: rectangle ?? COCODataset.Rectangle(x: 0, y: 0, width: 0, height: 0), area: area ?? 0,
                isCrowd: isCrowd, segmentation: segmentation))
    }
}

extension JSONReader {
    /// Reads `[x, y, width, height]`; null and `[]` stand for no box, and another number of values is a problem.
    mutating func rectangle(_ what: String) throws -> (COCODataset.Rectangle?, problem: String?) {
        if try null() { return (nil, nil) }
        var values: [Double] = []
        try array(what) { values.append(try $0.number("a value of \(what)")) }
        guard values.count == 4 else {
            return (nil, values.isEmpty ? nil : "\(what) has \(values.count) numbers instead of 4")
        }
        return (COCODataset.Rectangle(x: values[0], y: values[1], width: values[2], height: values[3]), nil)
    }

    /// Reads polygons or run lengths; null and `[]` stand for none.
    mutating func segmentation(_ what: String) throws -> Segmentation? {
        switch try kind() {
        case .null:
            try skip()
            return nil
        case .array:
            var polygons: [[Double]] = []
            try array(what) { json in
                var polygon: [Double] = []
                try json.array("a polygon") { polygon.append(try $0.number("a coordinate")) }
                polygons.append(polygon)
            }
            return polygons.isEmpty ? nil : .polygons(Polygons(polygons))
        case .object: return try runLengths(what)
        default: throw failure("\(what) is neither polygons nor run lengths")
        }
    }

    private mutating func runLengths(_ what: String) throws -> Segmentation {
        var size: [Int] = []
        var text: String?
        var runs: [UInt32]?
        var problem: String?
        try object(what) { json, key in
            switch key {
            case "size":
                size = []
                try json.array(key) { size.append(try $0.integer("a value of size")) }
            case "counts":
                (text, runs) = (nil, nil)
                if try json.kind() == .string {
                    text = try json.string(key)
                } else {
                    var lengths: [UInt32] = []
                    try json.array(key) { json in
                        let length = try json.number("a run length")
                        if let length = UInt32(exactly: length) {
                            lengths.append(length)
                        } else {
                            problem = "the run length \(length) is not a number of pixels"
                        }
                    }
                    runs = lengths
                }
            default: try json.skip()
            }
        }
        guard size.count == 2 else { return .unusable("the run lengths have no size of two numbers") }
        if let problem { return .unusable(problem) }
        if let text { return .counts(width: size[1], height: size[0], text) }
        return runs.map { .runs(width: size[1], height: size[0], $0) } ?? .unusable("the run lengths have no counts")
    }
}
