import COCO
import Foundation
import Instances
import Video

/// The pictures of a COCO data set that show something to learn, as the trainer takes them.
public struct COCOPictures: PictureSource {
    private let dataset: COCODataset
    private let folder: String
    private let labels: [Int: Int]
    /// Places among the data set's images.
    private let places: [Int]

    /// Why a picture cannot be learned from.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case otherSize(path: String, found: String, expected: String)

        public var description: String {
            switch self {
            case .otherSize(let path, let found, let expected):
                "\(path): has \(found) pixels, and the annotations are for \(expected)"
            }
        }
    }

    /// - Parameters:
    ///   - folder: Where the pictures are.
    ///   - labels: The class of each category, by its id.
    public init(_ dataset: COCODataset, folder: String, labels: [Int: Int]) {
        self.dataset = dataset
        self.folder = folder
        self.labels = labels
        places = dataset.images.indices.filter { !Self.taught(dataset, $0).isEmpty }
    }

    public var count: Int { places.count }

    /// Of their ids and the names of their files, and of the categories, boxes and areas of what they teach. Outlines are left out: they
    /// are the most of a data set, and another one hardly ever has the same area and box.
    public var digest: UInt64 {
        var digest = PictureDigest()
        for place in places {
            let image = dataset.images[place]
            digest.add("\(image.id)")
            digest.add(image.fileName)
            let taught = Self.taught(dataset, place)
            digest.add(Double(taught.count))
            for annotation in taught {
                let box = annotation.rectangle
                digest.add("\(annotation.categoryID)")
                for number in [box.x, box.y, box.width, box.height, annotation.area] { digest.add(number) }
            }
        }
        return digest.value
    }

    /// Crowds are not told apart, and teach nothing.
    private static func teaches(_ annotation: COCODataset.Annotation, _ image: COCODataset.Image) -> Bool {
        guard !annotation.isCrowd, annotation.segmentation != nil else { return false }
        let box = clipped(annotation.box, image)
        return box.width > 0 && box.height > 0
    }

    /// What an image's annotations teach.
    private static func taught(_ dataset: COCODataset, _ place: Int) -> [COCODataset.Annotation] {
        let image = dataset.images[place]
        return dataset.annotations(ofImageAt: place).filter { teaches($0, image) }
    }

    private static func clipped(_ box: Box, _ image: COCODataset.Image) -> Box {
        let (width, height) = (Float(image.width), Float(image.height))
        return Box(
            x0: min(max(box.x0, 0), width), y0: min(max(box.y0, 0), height), x1: min(max(box.x1, 0), width),
            y1: min(max(box.y1, 0), height))
    }

    public func picture(_ index: Int) throws -> TrainingPicture {
        let entry = dataset.images[places[index]]
        let path = try dataset.path(of: entry, in: folder)
        let image = try ImageFile.read(path)
        guard image.width == entry.width, image.height == entry.height else {
            throw Failure.otherSize(
                path: path, found: "\(image.width)x\(image.height)", expected: "\(entry.width)x\(entry.height)")
        }
        let objects = Self.taught(dataset, places[index]).compactMap { annotation in
            labels[annotation.categoryID].flatMap { label in
                annotation.mask(height: entry.height, width: entry.width).map { mask in
                    TrainingObject(box: Self.clipped(annotation.box, entry), label: label, mask: mask)
                }
            }
        }
        return TrainingPicture(image: image, objects: objects, name: "image \(entry.id) (\(entry.fileName))")
    }
}
