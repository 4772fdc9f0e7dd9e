import Files
import Foundation

extension COCODataset {
    /// Something that training on the set, or judging by it, would stumble over.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// What it concerns, such as `image 12 (a.jpg)`.
        public var place: String
        public var problem: String

        public var description: String { "\(place): \(problem)" }
    }

    /// What is wrong with the set, all of it.
    ///
    /// - Parameters:
    ///   - folder: Where the pictures are.
    ///   - needsOutlines: Whether every object that is no crowd must have an outline.
    public func problems(images folder: String, needsOutlines: Bool = true) -> [Problem] {
        var found: [Problem] = []
        func report(_ place: String, _ problem: String) { found.append(Problem(place: place, problem: problem)) }

        if images.isEmpty { report("images", "the list is empty") }
        if categories.isEmpty { report("categories", "the list is empty") }
        if annotations.isEmpty { report("annotations", "the list is empty: nothing is to be learned") }
        var names: Set<String> = []
        var categoryIDs: Set<Int> = []
        for category in categories {
            let place = "category \(category.id)"
            if !categoryIDs.insert(category.id).inserted { report(place, "the id is there twice") }
            if category.name.isEmpty { report(place, "the name is empty") }
            if !names.insert(category.name).inserted { report(place, "the name '\(category.name)' is there twice") }
        }
        var byID: [Int: Image] = [:]
        for image in images {
            let place = Self.place(image)
            if byID.updateValue(image, forKey: image.id) != nil { report(place, "the id is there twice") }
            if !(1...65535).contains(image.width) || !(1...65535).contains(image.height) {
                report(place, "no picture has a size of \(image.width)x\(image.height) pixels")
            }
            guard let path = Self.path(image, in: folder) else {
                report(place, "the file's name leads out of the pictures' folder")
                continue
            }
            if !FileManager.default.isReadableFile(atPath: path) { report(place, "\(path) is not there") }
        }
        var ids: Set<Int> = []
        for annotation in annotations {
            let place = "annotation \(annotation.id)"
            if !ids.insert(annotation.id).inserted { report(place, "the id is there twice") }
            if !categoryIDs.contains(annotation.categoryID) {
                report(place, "category \(annotation.categoryID) is not among the categories")
            }
            guard let image = byID[annotation.imageID] else {
                report(place, "image \(annotation.imageID) is not among the images")
                continue
            }
            for problem in Self.problems(annotation, image, needsOutlines: needsOutlines) {
                report("\(place) of \(Self.place(image))", problem)
            }
        }
        return found
    }

    private static func problems(_ annotation: Annotation, _ image: Image, needsOutlines: Bool) -> [String] {
        var problems: [String] = []
        let box = annotation.bbox
        if !(0..<4).allSatisfy({ box[$0].isFinite }) {
            problems.append("the box has a number that is infinite")
        } else if !(box.z > 0 && box.w > 0) {
            problems.append("the box has no area: \(box.z) x \(box.w)")
        } else {
            // A pixel beyond is rounding.
            let (right, bottom) = (Double(image.width) + 1, Double(image.height) + 1)
            if box.x < -1 || box.y < -1 || box.x + box.z > right || box.y + box.w > bottom {
                problems.append(
                    "the box reaches out of the picture of \(image.width)x\(image.height) pixels: "
                        + "[\(box.x), \(box.y), \(box.z), \(box.w)]")
            }
        }
        guard (1...65535).contains(image.width), (1...65535).contains(image.height) else { return problems }
        guard let segmentation = annotation.segmentation else {
            if needsOutlines && !annotation.isCrowd { problems.append("there is no segmentation") }
            return problems
        }
        do throws(Segmentation.Failure) {
            let mask = try segmentation.mask(height: image.height, width: image.width)
            if needsOutlines && !annotation.isCrowd && mask.area == 0 {
                problems.append("the segmentation covers no pixel")
            }
        } catch {
            problems.append("\(error)")
        }
        return problems
    }

    /// Where a picture is; nil for a name that leads out of the folder.
    public static func path(_ image: Image, in folder: String) -> String? {
        guard !image.fileName.isEmpty, !image.fileName.hasPrefix("/"), !image.fileName.contains("\0"),
            !image.fileName.split(separator: "/").contains("..")
        else { return nil }
        return "\(folder)/\(image.fileName)"
    }

    /// How messages call a picture.
    public static func place(_ image: Image) -> String {
        "image \(image.id) (\(image.fileName.filter { !$0.isNewline }.prefix(80)))"
    }
}
