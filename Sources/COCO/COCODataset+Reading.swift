import Files
import Foundation
import Instances

/// Why a file is no set of COCO annotations.
public enum COCOError: Error, Equatable, CustomStringConvertible {
    case malformed(path: String, problem: String)

    public var description: String {
        switch self {
        case .malformed(let path, let problem): "\(path): not COCO's instance annotations: \(problem)"
        }
    }
}

extension COCODataset {
    /// Reads an annotation file. Keys that are not COCO's are passed over.
    ///
    /// - Throws: `COCOError` where it is not of that form, `FileError` where it cannot be read.
    public init(path: String) throws {
        let file = try MappedFile(path: path)
        let content: Content
        do {
            content = try file.withUnsafeBytes { bytes in
                try JSONDecoder().decode(Content.self, from: Data(bytes))
            }
        } catch let error as DecodingError {
            throw COCOError.malformed(path: path, problem: error.words)
        } catch {
            throw COCOError.malformed(path: path, problem: "it is not JSON")
        }
        self.init(
            path: path, images: content.images.map(\.image), categories: content.categories.map(\.category),
            annotations: (content.annotations ?? []).map(\.annotation))
    }

    private struct Content: Decodable {
        var images: [ImageEntry]
        var annotations: [AnnotationEntry]?
        var categories: [CategoryEntry]
    }

    private struct ImageEntry: Decodable {
        var id: Int
        var file_name: String
        var width: Int
        var height: Int

        var image: Image { Image(id: id, fileName: file_name, width: width, height: height) }
    }

    private struct CategoryEntry: Decodable {
        var id: Int
        var name: String

        var category: Instances.Category { Instances.Category(id: id, name: name) }
    }

    private struct AnnotationEntry: Decodable {
        var annotation: Annotation

        private enum Key: String, CodingKey {
            case id, image_id, category_id, bbox, area, iscrowd, segmentation
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            let bbox = try values.decode([Double].self, forKey: .bbox)
            guard bbox.count == 4 else {
                throw DecodingError.dataCorruptedError(
                    forKey: .bbox, in: values, debugDescription: "a box has four numbers, not \(bbox.count)")
            }
            annotation = Annotation(
                id: try values.decode(Int.self, forKey: .id), imageID: try values.decode(Int.self, forKey: .image_id),
                categoryID: try values.decode(Int.self, forKey: .category_id),
                bbox: SIMD4(bbox[0], bbox[1], bbox[2], bbox[3]),
                area: try values.decodeIfPresent(Double.self, forKey: .area),
                isCrowd: try values.decodeIfPresent(Flag.self, forKey: .iscrowd)?.isSet ?? false,
                segmentation: try values.decodeIfPresent(Outline.self, forKey: .segmentation)?.segmentation)
        }
    }

    /// A number or a truth value.
    private struct Flag: Decodable {
        var isSet: Bool

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let truth = try? value.decode(Bool.self) {
                isSet = truth
            } else {
                isSet = try value.decode(Double.self) != 0
            }
        }
    }

    private struct Outline: Decodable {
        /// Nil for an empty list, which some programs write for none.
        var segmentation: Segmentation?

        private enum Key: String, CodingKey { case size, counts }

        init(from decoder: any Decoder) throws {
            if let runs = try? decoder.container(keyedBy: Key.self) {
                let size = try runs.decode([Int].self, forKey: .size)
                guard size.count == 2 else {
                    throw DecodingError.dataCorruptedError(
                        forKey: .size, in: runs, debugDescription: "a size has two numbers")
                }
                if let text = try? runs.decode(String.self, forKey: .counts) {
                    segmentation = .text(height: size[0], width: size[1], text)
                } else {
                    segmentation = .runs(
                        height: size[0], width: size[1], try runs.decode([Int].self, forKey: .counts))
                }
                return
            }
            let parts = try decoder.singleValueContainer().decode([[Double]].self)
            segmentation = parts.isEmpty ? nil : .polygons(parts)
        }
    }
}

extension DecodingError {
    /// What is wrong, and where, in one line; a file may hold anything.
    fileprivate var words: String {
        func place(_ context: Context) -> String {
            let path = context.codingPath.map { key in
                key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue.filter { !$0.isNewline }.prefix(60))"
            }.joined()
            return path.isEmpty ? "" : "\(path.drop { $0 == "." }): "
        }
        switch self {
        case .keyNotFound(let key, let context):
            return "\(place(context))\(key.stringValue.filter { !$0.isNewline }.prefix(60)) is missing"
        case .typeMismatch(let type, let context): return "\(place(context))is no \(Self.name(type))"
        case .valueNotFound(let type, let context): return "\(place(context))is null instead of \(Self.name(type))"
        case .dataCorrupted(let context): return "\(place(context))\(context.debugDescription)"
        @unknown default: return "it cannot be read"
        }
    }

    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is Int.Type: "whole number"
        case is Double.Type: "number"
        case is String.Type: "text"
        default: "\(type)".contains("Array") ? "list" : "object with keys"
        }
    }
}
