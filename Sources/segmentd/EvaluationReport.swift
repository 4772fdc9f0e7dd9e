import COCO
import Foundation
import Instances

/// The figures of an evaluation, as tables or as JSON.
struct EvaluationReport {
    var images: Int
    var annotations: Int
    var detections: Int
    var boxes: COCOEvaluator.Evaluation
    /// nil where there are no masks to compare with.
    var masks: COCOEvaluator.Evaluation?

    /// One object. A figure that nothing counts for is null.
    var json: String {
        func write(_ figures: EvaluationFigures, _ key: String, to text: inout JSONText) {
            text.object(key) { text in
                for (name, value) in zip(EvaluationFigures.names, figures.values) {
                    // What is not a number becomes null.
                    text.number(name.name, value ?? .nan, decimals: 9)
                }
            }
        }
        var text = JSONText()
        text.object { text in
            text.integer("images", images)
            text.integer("annotations", annotations)
            text.integer("detections", detections)
            write(boxes.figures, "box", to: &text)
            if let masks { write(masks.figures, "mask", to: &text) }
            text.array("categories") { text in
                for (index, entry) in boxes.categories.enumerated() {
                    text.object { text in
                        text.integer("id", entry.category.id)
                        text.string("name", entry.category.name)
                        write(entry.figures, "box", to: &text)
                        if let masks { write(masks.categories[index].figures, "mask", to: &text) }
                    }
                }
            }
        }
        return text.text
    }

    /// The twelve figures of boxes and of masks, a line each.
    var table: String {
        var lines = [
            "\(images) images, \(annotations) annotated objects, \(detections) detections", "",
            Self.padded("", 7) + Self.padded("overlap", 11) + Self.padded("area", 8) + "detections"
                + Self.right("box", 8) + (masks == nil ? "" : Self.right("mask", 8)),
        ]
        for (index, name) in EvaluationFigures.names.enumerated() {
            lines.append(
                Self.padded(name.name, 7) + Self.padded(name.overlap, 11) + Self.padded(name.area, 8)
                    + Self.right("\(name.detections)", 10) + Self.figure(boxes.figures.values[index])
                    + (masks.map { Self.figure($0.figures.values[index]) } ?? ""))
        }
        return lines.joined(separator: "\n")
    }

    /// AP, AP50 and AP75 of each category.
    var categoryTable: String {
        let names = boxes.categories.map { $0.category.printableName }
        let width = max(8, names.map(\.count).max() ?? 0) + 2
        let columns = ["AP", "AP50", "AP75"]
        var lines = [
            Self.padded("category", width)
                + columns.map { Self.right("box \($0)", 10) }.joined()
                + (masks == nil ? "" : columns.map { Self.right("mask \($0)", 11) }.joined())
        ]
        for (index, name) in names.enumerated() {
            func cells(_ evaluation: COCOEvaluator.Evaluation, _ width: Int) -> String {
                columns.map { Self.figure(evaluation.categories[index].figures[$0], width) }.joined()
            }
            lines.append(Self.padded(name, width) + cells(boxes, 10) + (masks.map { cells($0, 11) } ?? ""))
        }
        return lines.joined(separator: "\n")
    }

    private static func figure(_ value: Double?, _ width: Int = 8) -> String {
        right(value.map { String(format: "%.4f", $0) } ?? "-", width)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

extension Category {
    /// The name for a terminal: a data set's may hold anything, and be of any length.
    var printableName: String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.prefix(40).map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
