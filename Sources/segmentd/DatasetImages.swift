import COCO
import Instances
import Video

/// The images of a data set, one after the other.
struct DatasetImages {
    let dataset: COCODataset
    let folder: String
    let interrupter: Interrupter
    private var place = 0

    init(dataset: COCODataset, folder: String, interrupter: Interrupter) {
        (self.dataset, self.folder, self.interrupter) = (dataset, folder, interrupter)
    }

    /// The next image.
    ///
    /// - Throws: `VideoError`; `CommandFailure` where the image has not the annotated size, and the figures would mean nothing.
    mutating func next() throws -> DetectionRun.Item? {
        guard place < dataset.images.count else { return nil }
        let image = dataset.images[place]
        place += 1
        let path = try dataset.path(of: image, in: folder)
        let picture = try ImageFile.read(path, interrupter: interrupter)
        guard picture.width == image.width, picture.height == image.height else {
            throw CommandFailure(
                "\(path): is of \(picture.width)x\(picture.height) pixels, and annotated as \(image.width)x\(image.height); "
                    + "annotate the image as it is, or set its size right")
        }
        return DetectionRun.Item(image: picture, id: image.id, name: image.fileName)
    }
}
