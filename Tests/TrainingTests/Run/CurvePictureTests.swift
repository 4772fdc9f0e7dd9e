import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@testable import Training

@Suite struct CurvePictureTests {
    /// Collects the points of all curves.
    private final class Reader: NSObject, XMLParserDelegate {
        var curves: [[[Double]]] = []
        var texts: [String] = []

        func parser(
            _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard element == "polyline", let points = attributes["points"] else { return }
            curves.append(points.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } })
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) { texts.append(text) }
    }

    private func read(_ entries: [[String: Double]]) -> Reader? {
        let (reader, parser) = (Reader(), XMLParser(data: Data(CurvePicture(entries: entries).svg.utf8)))
        parser.delegate = reader
        return parser.parse() ? reader : nil
    }

    @Test func `curves of all figures are well-formed and lie in their panels`() throws {
        let entries = (1...50).flatMap { step -> [[String: Double]] in
            var entry = ["iteration": Double(step), "rate": 0.01 / Double(step), "images_per_second": 3]
            for (name, value) in Losses().named { entry[name] = value + 2 / Double(step) }
            return [entry, ["iteration": Double(step), "mask_ap": Double(step) / 50]]
        }
        let reader = try #require(read(entries))
        // Six losses, the precision, the rate.
        #expect(reader.curves.map(\.count) == [Int](repeating: 50, count: 8))
        for point in reader.curves.joined() {
            #expect(point.count == 2 && (0...900).contains(point[0]) && (0...360).contains(point[1]))
        }
        #expect(reader.texts.joined().contains("mask_ap 1"))
    }

    @Test(arguments: [
        [], [["iteration": 1, "loss": 2, "rate": 0]], [["iteration": 0, "loss": 1]],
        [["iteration": 1, "loss": 0, "rate": 1], ["iteration": 2, "loss": -1, "rate": 1]],
        [["iteration": 1, "loss": .nan], ["iteration": 2, "loss": .infinity, "rate": .nan], ["rate": 1]],
        [["iteration": 1, "loss": 1e300, "rate": 1e-300], ["iteration": 1e15, "loss": 1e-300, "rate": 1e300]],
    ]) func `what there is little of, or far apart, is well-formed too`(entries: [[String: Double]]) throws {
        let reader = try #require(read(entries))
        #expect(reader.curves.joined().joined().allSatisfy { $0.isFinite })
    }
}
