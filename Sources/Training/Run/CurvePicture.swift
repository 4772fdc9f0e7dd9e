import Foundation

/// Curves of a run's figures over its iterations, as SVG (W3C, Scalable Vector Graphics 1.1).
struct CurvePicture {
    /// One panel of the picture.
    private struct Panel {
        var title: String
        var curves: [(name: String, points: [(x: Double, y: Double)])]
        /// Whether values are shown by their logarithm.
        var isLogarithmic: Bool
    }

    private let panels: [Panel]

    private static let width = 900.0
    private static let height = 360.0
    private static let margin = (left: 70.0, right: 170.0, top: 40.0, bottom: 40.0)
    private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf"]

    /// - Parameter entries: As `MetricsLog` has them.
    init(entries: [[String: Double]]) {
        func curve(_ name: String) -> (name: String, points: [(x: Double, y: Double)]) {
            (
                name,
                entries.compactMap { entry in
                    guard let x = entry["iteration"], let y = entry[name], y.isFinite else { return nil }
                    return (x, y)
                }
            )
        }
        var panels = [
            Panel(title: "losses", curves: Losses().named.map { curve($0.name) }, isLogarithmic: true)
        ]
        let losses = Set(Losses().named.map(\.name)).union(["iteration", "rate", "images_per_second"])
        let figures = Set(entries.flatMap(\.keys)).subtracting(losses).filter { $0.hasSuffix("_ap") }.sorted()
        if !figures.isEmpty {
            panels.append(
                Panel(title: "average precision", curves: figures.map(curve), isLogarithmic: false))
        }
        panels.append(Panel(title: "learning rate", curves: [curve("rate")], isLogarithmic: false))
        self.panels = panels
    }

    /// The picture.
    var svg: String {
        let all = Self.height * Double(panels.count)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(all))" \
            font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>\n
            """
        for (index, panel) in panels.enumerated() {
            text += "<g transform=\"translate(0 \(Self.number(Double(index) * Self.height)))\">\n"
            text += Self.drawn(panel) + "</g>\n"
        }
        return text + "</svg>\n"
    }

    private static func drawn(_ panel: Panel) -> String {
        let inner = (width: width - margin.left - margin.right, height: height - margin.top - margin.bottom)
        let points = panel.curves.flatMap(\.points)
        var text = "<text x=\"\(number(margin.left))\" y=\"24\" font-size=\"15\">\(panel.title)</text>\n"
        guard let lastX = points.map(\.x).max(), lastX > 0 else { return text }
        func shown(_ y: Double) -> Double { panel.isLogarithmic ? log10(max(y, 1e-6)) : y }
        let values = points.map { shown($0.y) }
        var (low, high) = (values.min() ?? 0, values.max() ?? 1)
        if !panel.isLogarithmic { low = min(low, 0) }
        if high - low < 1e-9 { high = low + 1 }
        func place(_ x: Double, _ y: Double) -> (Double, Double) {
            (margin.left + x / lastX * inner.width, margin.top + (high - y) / (high - low) * inner.height)
        }
        for step in 0...5 {
            let part = Double(step) / 5
            let value = low + part * (high - low)
            let (left, y) = place(0, value)
            let label = panel.isLogarithmic ? pow(10, value) : value
            text += "<line x1=\"\(number(left))\" x2=\"\(number(left + inner.width))\" y1=\"\(number(y))\" "
            text += "y2=\"\(number(y))\" stroke=\"#ddd\"/>"
            text += "<text x=\"\(number(left - 6))\" y=\"\(number(y + 4))\" text-anchor=\"end\">"
            text += String(format: "%.3g", label) + "</text>"
            let (x, bottom) = place(part * lastX, low)
            text += "<text x=\"\(number(x))\" y=\"\(number(bottom + 18))\" text-anchor=\"middle\">"
            text += "\(Int(part * lastX))</text>\n"
        }
        for (index, curve) in panel.curves.enumerated() where !curve.points.isEmpty {
            let colour = colours[index % colours.count]
            let path = curve.points.map { point -> String in
                let (x, y) = place(point.x, shown(point.y))
                return "\(number(x)),\(number(y))"
            }.joined(separator: " ")
            text += "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.5\" points=\"\(path)\"/>\n"
            let (x, y) = (margin.left + inner.width + 12, margin.top + 8 + Double(index) * 18)
            text += "<text x=\"\(number(x))\" y=\"\(number(y))\" fill=\"\(colour)\">\(curve.name) "
            text += String(format: "%.3g", curve.points[curve.points.count - 1].y) + "</text>\n"
        }
        return text
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }
}
