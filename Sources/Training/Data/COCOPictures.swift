import COCO
import Foundation
import Instances
import Video

/// The pictures of a COCO data set that show something to learn, as the trainer takes them.
public struct COCOPictures: PictureSource {
    private let dataset: COCODataset
    private let folder: String
    private let images: [COCODataset.Image]
    private let labels: [Int: Int]

    /// - Parameters:
    ///   - folder: Where the pictures are.
    ///   - labels: The class of each category, by its id.
    public init(_ dataset: COCODataset, folder: String, labels: [Int: Int]) {
        self.dataset = dataset
        self.folder = folder
        self.labels = labels
        images = dataset.images.filter { image in dataset.annotations(of: image.id).contains { Self.teaches($0) } }
    }

    public var count: Int { images.count }

    /// Crowds are not told apart, and teach nothing.
    private static func teaches(_ annotation: COCODataset.Annotation) -> Bool {
        !annotation.isCrowd && annotation.bbox.z > 0 && annotation.bbox.w > 0
    }

    public func picture(_ index: Int) throws -> TrainingPicture {
        let entry = images[index]
        guard let path = COCODataset.path(entry, in: folder) else {
            throw COCOError.malformed(path: dataset.path, problem: "\(COCODataset.place(entry)) leads out of \(folder)")
        }
        let image = try Self.read(path)
        guard image.width == entry.width, image.height == entry.height else {
            throw COCOError.malformed(
                path: dataset.path,
                problem: "\(COCODataset.place(entry)) has \(image.width)x\(image.height) pixels, the file says "
                    + "\(entry.width)x\(entry.height)")
        }
        let objects = dataset.annotations(of: entry.id).filter(Self.teaches).compactMap { annotation in
            labels[annotation.categoryID].flatMap { label in
                annotation.mask(height: entry.height, width: entry.width).map { mask in
                    TrainingObject(box: annotation.box, label: label, mask: mask)
                }
            }
        }
        return TrainingPicture(image: image, objects: objects, name: COCODataset.place(entry))
    }

    /// Decodes an image file.
    ///
    /// - Throws: `VideoError`.
    static func read(_ path: String) throws -> RGBImage {
        let source = try VideoSource(path)
        guard let frame = try source.next() else {
            throw COCOError.malformed(path: path, problem: "there is no picture in it")
        }
        return try frame.rgbImage()
    }
}
