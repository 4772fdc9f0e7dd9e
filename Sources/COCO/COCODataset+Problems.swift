import Glibc
import Instances

extension COCODataset {
    /// Lists everything that training or evaluation cannot use as it is, in the order of the file.
    ///
    /// - Parameters:
    ///   - imageFolder: Where the images should lie; files are not looked for where nil.
    ///   - imageSize: Asked for the size of each image's file, pixels, on all processors; nil where it cannot be read. Sizes are not
    ///     compared where nil.
    ///   - requiresMasks: Whether every object needs a segmentation.
    public func problems(
        imageFolder: String? = nil, imageSize: (@Sendable (_ path: String) -> (width: Int, height: Int)?)? = nil,
        requiresMasks: Bool = false
    ) -> [COCOProblem] {
        var problems: [COCOProblem] = []
        for (what, isEmpty) in [
            ("images", images.isEmpty), ("categories", categories.isEmpty), ("annotations", annotations.isEmpty),
        ] where isEmpty {
            problems.append(COCOProblem(.empty, "the data set", "has no \(what)"))
        }
        checkCategories(&problems)
        checkImages(&problems, folder: imageFolder, size: imageSize)
        problems += findings
        checkAnnotations(&problems, requiresMasks: requiresMasks)
        return problems
    }

    private func checkCategories(_ problems: inout [COCOProblem]) {
        var ids = Set<Int>()
        var owners: [String: Int] = [:]
        for category in categories {
            let place = "category \(category.id)"
            if !ids.insert(category.id).inserted {
                problems.append(COCOProblem(.duplicateID, place, "is there twice"))
            }
            if !category.name.contains(where: { !$0.isWhitespace }) {
                problems.append(COCOProblem(.categoryName, place, "has no name"))
            } else if let owner = owners.updateValue(category.id, forKey: category.name) {
                problems.append(
                    COCOProblem(.categoryName, place, "has the name \(quoted(category.name)) of category \(owner)"))
            }
        }
    }

    private func checkImages(
        _ problems: inout [COCOProblem], folder: String?,
        size: (@Sendable (String) -> (width: Int, height: Int)?)?
    ) {
        // A file takes some milliseconds, and a data set may have a hundred thousand.
        let files = folder.map { folder in
            AllProcessors.map(images.indices, inBlock: 16) { fileProblem(of: images[$0], in: folder, size: size) }
        }
        var ids = Set<Int>()
        for (index, image) in images.enumerated() {
            if !ids.insert(image.id).inserted {
                problems.append(COCOProblem(.duplicateID, Self.place(of: image), "is there twice"))
            }
            if !Image.isPossible(width: image.width, height: image.height) {
                problems.append(
                    COCOProblem(
                        .impossibleSize, Self.place(of: image),
                        "has an impossible size of \(image.width)x\(image.height)"))
            }
            if let problem = files?[index] { problems.append(problem) }
        }
    }

    private static func place(of image: Image) -> String {
        image.fileName.isEmpty ? "image \(image.id)" : "image \(image.id) (\(quoted(image.fileName)))"
    }

    /// What is wrong with an image's file.
    private func fileProblem(
        of image: Image, in folder: String, size: ((String) -> (width: Int, height: Int)?)?
    ) -> COCOProblem? {
        func problem(_ kind: COCOProblem.Kind, _ reason: String) -> COCOProblem {
            COCOProblem(kind, Self.place(of: image), reason)
        }
        guard let path = try? path(of: image, in: folder) else {
            return problem(
                .fileName,
                image.fileName.isEmpty ? "has no file name" : "has a name that leads out of the folder of images")
        }
        guard Self.isFile(path) else { return problem(.missingFile, "has no file \(quoted(path))") }
        guard let size, Image.isPossible(width: image.width, height: image.height) else { return nil }
        guard let found = size(path) else {
            return problem(.missingFile, "has a file \(quoted(path)) that cannot be read")
        }
        guard found != (image.width, image.height) else { return nil }
        return problem(
            .wrongSize, "is of \(found.width)x\(found.height) pixels, and annotated as \(image.width)x\(image.height)")
    }

    private func checkAnnotations(_ problems: inout [COCOProblem], requiresMasks: Bool) {
        let known = Set(categories.map(\.id))
        var ids = Set<Int>(minimumCapacity: annotations.count)
        // Already reported, and with a better reason than that there is none.
        let malformed = Set(findings.filter { $0.kind == .malformedBox }.map(\.place))
        for annotation in annotations {
            let place = "annotation \(annotation.id)"
            func report(_ kind: COCOProblem.Kind, _ reason: String) {
                problems.append(COCOProblem(kind, place, reason))
            }
            if !ids.insert(annotation.id).inserted { report(.duplicateID, "is there twice") }
            if !known.contains(annotation.categoryID) {
                report(.unknownCategory, "is of category \(annotation.categoryID), which is not in the file")
            }
            let image = imageIndex(id: annotation.imageID).map { images[$0] }
            if image == nil { report(.missingImage, "is of image \(annotation.imageID), which is not in the file") }
            // An image without a possible size has its own report.
            let sized = image.flatMap { Image.isPossible(width: $0.width, height: $0.height) ? $0 : nil }
            checkBox(of: annotation, in: sized, isReported: malformed.contains(place), report)
            if !annotation.area.isFinite { report(.notFinite, "has an area that is not a finite number") }
            checkMask(of: annotation, in: sized, isRequired: requiresMasks, report)
        }
    }

    private func checkBox(
        of annotation: Annotation, in image: Image?, isReported: Bool, _ report: (COCOProblem.Kind, String) -> Void
    ) {
        let rectangle = annotation.rectangle
        guard rectangle.isFinite else { return report(.notFinite, "has a box with a number that is not finite") }
        guard rectangle.width > 0, rectangle.height > 0 else {
            if isReported { return }
            let isMissing = rectangle == Rectangle(x: 0, y: 0, width: 0, height: 0) && annotation.segmentation == nil
            return isMissing
                ? report(.missingBox, "has neither a box nor a segmentation")
                : report(.emptyBox, "has a box of \(rectangle.width)x\(rectangle.height) pixels, which is no area")
        }
        // Tools that annotate round to pixels; COCO's own boxes go over by some hundredths.
        let tolerance = 1.0
        guard let image else { return }
        if rectangle.x < -tolerance || rectangle.y < -tolerance
            || rectangle.x + rectangle.width > Double(image.width) + tolerance
            || rectangle.y + rectangle.height > Double(image.height) + tolerance
        {
            report(
                .boxOutside,
                "has a box [\(rectangle.x), \(rectangle.y), \(rectangle.width), \(rectangle.height)] that reaches out of its "
                    + "image of \(image.width)x\(image.height)")
        }
    }

    private func checkMask(
        of annotation: Annotation, in image: Image?, isRequired: Bool, _ report: (COCOProblem.Kind, String) -> Void
    ) {
        switch annotation.segmentation {
        case nil:
            if isRequired { report(.missingMask, "has no segmentation") }
        case .polygons(let polygons):
            for (number, polygon) in polygons.coordinates.enumerated() {
                let name = "has a polygon (its number \(number + 1))"
                if !polygon.allSatisfy(\.isFinite) {
                    report(.notFinite, "\(name) with a number that is not finite")
                } else if !polygon.count.isMultiple(of: 2) {
                    report(.malformedPolygon, "\(name) of \(polygon.count) numbers, which make no pairs")
                } else if !polygon.allSatisfy({ abs($0) <= Mask.coordinateLimit }) {
                    report(.malformedPolygon, "\(name) with coordinates that no picture has")
                } else if polygon.count < 6 {
                    report(.shortPolygon, "\(name) with fewer than three corners")
                }
            }
        case .unusable(let reason): report(.malformedMask, "has no usable mask: \(reason)")
        case .runs, .counts:
            guard let image, let segmentation = annotation.segmentation else { return }
            do {
                _ = try segmentation.fitted(height: image.height, width: image.width)
            } catch {
                report(.malformedMask, "has no usable mask: \(error)")
            }
        }
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
