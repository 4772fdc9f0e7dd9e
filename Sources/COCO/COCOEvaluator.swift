import Instances

/// Measures detections against annotations as COCO does; the figures are those of pycocotools' `COCOeval`.
///
/// Only one thing is not as there: an annotation whose id is 0 can be found, where pycocotools takes it for not found.
public struct COCOEvaluator: Sendable {
    /// What overlaps are measured on.
    public enum Kind: String, Sendable, CaseIterable {
        case boxes, masks
    }

    /// What an evaluation has found.
    public struct Evaluation: Sendable, Equatable {
        /// The means over all categories that have objects.
        public let figures: EvaluationFigures
        /// Each category's own, by id.
        public let categories: [(category: Category, figures: EvaluationFigures)]

        public static func == (a: Evaluation, b: Evaluation) -> Bool {
            a.figures == b.figures && a.categories.elementsEqual(b.categories, by: ==)
        }
    }

    /// One category in one image: places in the data set's annotations and among the detections.
    private struct Cell {
        var category: Int
        var image: Int
        var truths: ArraySlice<Entry>
        var detections: ArraySlice<Entry>
    }

    /// An annotation or a detection, by category, image and place.
    private struct Entry {
        /// The category's rank in the upper half, the image's in the lower.
        var cell: UInt64
        var place: Int
    }

    private let dataset: COCODataset
    /// By id, each id once.
    private let categories: [Category]
    /// Places of images by id, each id once.
    private let images: [Int]
    private let categoryRanks: [Int: UInt64]
    private let imageRanks: [Int: UInt64]
    private let truths: [Entry]

    /// Cells that are matched between two calls of `progress`.
    private static let cellsAtOnce = 1024

    /// - Parameter categories: The ids of those that count; all where nil.
    public init(_ dataset: COCODataset, categories: Set<Int>? = nil) {
        self.dataset = dataset
        var seen = Set<Int>()
        self.categories = dataset.categories.filter { category in
            categories?.contains(category.id) != false && seen.insert(category.id).inserted
        }.sorted { $0.id < $1.id }
        images = dataset.images.indices.filter { dataset.imageIndex(id: dataset.images[$0].id) == $0 }
            .sorted { dataset.images[$0].id < dataset.images[$1].id }
        categoryRanks = Self.ranks(self.categories.map(\.id))
        imageRanks = Self.ranks(images.map { dataset.images[$0].id })
        truths = Self.entries(
            dataset.annotations.lazy.map { ($0.imageID, $0.categoryID) }, images: imageRanks, categories: categoryRanks)
    }

    /// Measures detections; those of unknown images or of categories that do not count are left out.
    ///
    /// - Parameter progress: Called now and then with the images' categories done, and all of them; what it throws ends the evaluation.
    /// - Throws: `COCOError.wrongMask` where masks are evaluated and one does not fit its image; an annotation's mask that does not is empty.
    public func evaluate(
        _ detections: [Detection], _ kind: Kind, progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }
    ) throws -> Evaluation {
        let found = Self.entries(
            detections.lazy.map { ($0.imageID, $0.categoryID) }, images: imageRanks, categories: categoryRanks)
        let cells = cells(found)
        var matchings: [ImageMatching] = []
        matchings.reserveCapacity(cells.count)
        while matchings.count < cells.count {
            let next = matchings.count..<min(matchings.count + Self.cellsAtOnce, cells.count)
            matchings += try AllProcessors.map(next, inBlock: 64) { index in
                Result { try match(cells[index], detections, kind) }
            }.map { try $0.get() }
            try progress(matchings.count, cells.count)
        }
        var starts = [Int](repeating: 0, count: categories.count + 1)
        for cell in cells { starts[cell.category + 1] += 1 }
        for category in categories.indices { starts[category + 1] += starts[category] }
        let figures = AllProcessors.map(categories.indices, inBlock: 1) { [starts, matchings] category in
            CategoryCurve(Array(matchings[starts[category]..<starts[category + 1]])).figures
        }
        return Evaluation(
            figures: EvaluationFigures(meanOf: figures),
            categories: zip(categories, figures).map { (category: $0, figures: $1) })
    }

    // MARK: Cells

    private static func ranks(_ ids: [Int]) -> [Int: UInt64] {
        Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, UInt64($0)) })
    }

    /// Sorted by category and image; within these the order is kept.
    private static func entries(
        _ keys: some Sequence<(Int, Int)>, images: [Int: UInt64], categories: [Int: UInt64]
    ) -> [Entry] {
        var entries: [Entry] = []
        for (place, (imageID, categoryID)) in keys.enumerated() {
            guard let image = images[imageID], let category = categories[categoryID] else { continue }
            entries.append(Entry(cell: category << 32 | image, place: place))
        }
        entries.sort { ($0.cell, $0.place) < ($1.cell, $1.place) }
        return entries
    }

    /// What there is of each category in each image, by category and then by image; nothing for where there is nothing.
    private func cells(_ found: [Entry]) -> [Cell] {
        var cells: [Cell] = []
        var (truth, detection) = (0, 0)
        func take(_ entries: [Entry], from first: inout Int, of cell: UInt64) -> ArraySlice<Entry> {
            let start = first
            while first < entries.count && entries[first].cell == cell { first += 1 }
            return entries[start..<first]
        }
        while truth < truths.count || detection < found.count {
            let next = min(
                truth < truths.count ? truths[truth].cell : .max,
                detection < found.count ? found[detection].cell : .max)
            cells.append(
                Cell(
                    category: Int(next >> 32), image: images[Int(next & 0xffff_ffff)],
                    truths: take(truths, from: &truth, of: next), detections: take(found, from: &detection, of: next)))
        }
        return cells
    }

    // MARK: One cell

    private func match(_ cell: Cell, _ detections: [Detection], _ kind: Kind) throws -> ImageMatching {
        let truths = cell.truths.map { dataset.annotations[$0.place] }
        // The order of the file decides among equal scores.
        let found = cell.detections.sorted {
            (detections[$1.place].score, $0.place) < (detections[$0.place].score, $1.place)
        }.prefix(ImageMatching.detectionLimit).map { detections[$0.place] }
        return ImageMatching(
            truths: truths.map { ImageMatching.Truth(area: $0.area, isCrowd: $0.isCrowd) }, scores: found.map(\.score),
            detectionAreas: found.map(\.area),
            overlaps: truths.isEmpty || found.isEmpty
                ? []
                : kind == .boxes
                    ? Self.boxOverlaps(found, truths) : try maskOverlaps(found, truths, dataset.images[cell.image]))
    }

    /// `[detection, truth]`: intersection over union, or over the detection's own area for crowds.
    private static func boxOverlaps(
        _ found: [Detection], _ truths: [COCODataset.Annotation]
    ) -> [Double] {
        found.flatMap { detection in
            truths.map { overlap(detection.rectangle, $0.rectangle, isCrowd: $0.isCrowd) }
        }
    }

    private static func overlap(
        _ a: COCODataset.Rectangle, _ b: COCODataset.Rectangle, isCrowd: Bool
    ) -> Double {
        let width = min(a.width + a.x, b.width + b.x) - max(a.x, b.x)
        let height = min(a.height + a.y, b.height + b.y) - max(a.y, b.y)
        guard width > 0, height > 0 else { return 0 }
        let both = width * height
        return both / (isCrowd ? a.area : a.area + b.area - both)
    }

    /// `[detection, truth]`, on masks; only those whose boxes meet are compared.
    private func maskOverlaps(
        _ found: [Detection], _ truths: [COCODataset.Annotation], _ image: COCODataset.Image
    ) throws -> [Double] {
        let masks = try found.map { detection in
            do {
                return MeasuredMask(try detection.fittedMask(height: image.height, width: image.width))
            } catch {
                throw COCOError.wrongMask(image: image.id, category: detection.categoryID, reason: "\(error)")
            }
        }
        let others = truths.map { $0.mask(height: image.height, width: image.width).map(MeasuredMask.init) }
        var overlaps: [Double] = []
        overlaps.reserveCapacity(found.count * truths.count)
        for mask in masks {
            for (truth, other) in zip(truths, others) {
                overlaps.append(other.map { mask.overlap($0, isCrowd: truth.isCrowd) } ?? 0)
            }
        }
        return overlaps
    }

    /// A mask with what comparing needs.
    private struct MeasuredMask {
        let mask: Mask
        let area: Int
        let box: Box?

        init(_ mask: Mask) {
            self.mask = mask
            (area, box) = (mask.area, mask.boundingBox)
        }

        func overlap(_ other: MeasuredMask, isCrowd: Bool) -> Double {
            guard let box, let otherBox = other.box, box.x0 < otherBox.x1, otherBox.x0 < box.x1, box.y0 < otherBox.y1,
                otherBox.y0 < box.y1
            else { return 0 }
            let both = mask.intersection(other.mask)
            return both == 0 ? 0 : Double(both) / Double(isCrowd ? area : area + other.area - both)
        }
    }
}

extension Detection {
    /// The object's pixels; those of its box where it has no segmentation, as in pycocotools.
    ///
    /// - Throws: `Segmentation.Misfit`.
    fileprivate func fittedMask(height: Int, width: Int) throws -> Mask {
        if let segmentation { return try segmentation.fitted(height: height, width: width) }
        let (x0, y0) = (rectangle.x, rectangle.y)
        let (x1, y1) = (x0 + rectangle.width, y0 + rectangle.height)
        return try Segmentation.polygons(Polygons([[x0, y0, x0, y1, x1, y1, x1, y0]])).fitted(
            height: height, width: width)
    }
}
