import Foundation
import Instances
import MaskRCNN
import Tensors

/// The figures of a benchmark, as a table or as JSON.
struct BenchReport {
    var figures: Benchmark.Figures
    var precision: Precision
    var roofline: Roofline
    var scaling: [Benchmark.Point] = []

    /// Operators with a smaller share of the frame are added up in one line of the table.
    private static let leastShare = 0.01

    /// An operator's median and what it comes to.
    private struct Row {
        var stage: String
        var name: String
        var cost: OperatorCost
        var seconds: Double
        /// The least time over the time, 0...1.
        var efficiency: Double
    }

    /// What the processor calls itself.
    private static var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
    }

    private var rows: [Row] {
        figures.operators.map { entry in
            let seconds = median(entry.seconds)
            return Row(
                stage: entry.operator.stage, name: entry.operator.name, cost: entry.operator.cost, seconds: seconds,
                efficiency: seconds > 0 ? roofline.seconds(entry.operator.cost) / seconds : 0)
        }
    }

    var json: String {
        var text = JSONText()
        text.object { text in
            text.number("seconds_per_frame", median(figures.seconds), decimals: 6)
            text.number("seconds_least", figures.seconds.min() ?? 0, decimals: 6)
            text.number("seconds_most", figures.seconds.max() ?? 0, decimals: 6)
            text.integer("peak_rss_bytes", figures.peakMemory)
            text.string("processor", Self.processor)
            text.string("precision", precision.rawValue)
            text.string("simd", Detector.engine)
            text.integer("threads", figures.threads)
            text.integer("objects", figures.objects)
            text.integer("width", figures.width)
            text.integer("height", figures.height)
            text.number("peak_gflops", roofline.operations * 1e-9, decimals: 1)
            text.number("peak_narrow_gflops", roofline.narrowOperations * 1e-9, decimals: 1)
            text.number("memory_gbytes_per_second", roofline.bandwidth * 1e-9, decimals: 1)
            text.object("stages") { text in
                for stage in figures.stages { text.number(stage.name, median(stage.seconds), decimals: 6) }
            }
            text.array("operators") { text in
                for row in rows {
                    text.object { text in
                        text.string("stage", row.stage)
                        text.string("name", row.name)
                        text.string("algorithm", row.cost.algorithm)
                        text.number("seconds", row.seconds, decimals: 7)
                        text.number("gflop", row.cost.operations * 1e-9, decimals: 6)
                        text.number("gflop_direct", row.cost.directOperations * 1e-9, decimals: 6)
                        text.number("mbytes", row.cost.bytes * 1e-6, decimals: 3)
                        text.number("roofline", row.efficiency, decimals: 3)
                    }
                }
            }
            if !scaling.isEmpty {
                text.array("scaling") { text in
                    for point in scaling {
                        text.object { text in
                            text.string("axis", point.axis)
                            text.integer("value", point.value)
                            text.integer("objects", point.objects)
                            text.number("seconds_per_frame", point.seconds, decimals: 6)
                        }
                    }
                }
            }
        }
        return text.text
    }

    var table: String {
        func padded(_ text: String, _ width: Int) -> String {
            text.padding(toLength: width, withPad: " ", startingAt: 0)
        }
        let whole = median(figures.seconds)
        var lines = [
            "\(figures.width)x\(figures.height), \(figures.threads) threads, \(precision.rawValue) on \(Detector.engine), "
                + "\(figures.objects) objects; medians of \(figures.seconds.count) frames",
            "\(Self.processor); its peak: "
                + String(format: "%.0f GFLOP/s", roofline.operations * 1e-9)
                + (precision == .fp32
                    ? "" : String(format: ", %.0f in \(precision.rawValue)", roofline.narrowOperations * 1e-9))
                + String(format: ", %.1f GB/s in memory", roofline.bandwidth * 1e-9),
            "",
            padded("stage", 58) + "      ms   share",
        ]
        for stage in figures.stages {
            let time = median(stage.seconds)
            lines.append(padded(stage.name, 58) + String(format: "%8.1f%6.1f %%", time * 1000, 100 * time / whole))
        }
        lines.append(padded("frame", 58) + String(format: "%8.1f", whole * 1000))
        lines += ["", padded("operator", 58) + "      ms   share  GFLOP/s  roofline"]
        let (large, small) = rows.reduce(into: ([Row](), [Row]())) { parts, row in
            if row.seconds >= Self.leastShare * whole { parts.0.append(row) } else { parts.1.append(row) }
        }
        func line(_ name: String, _ seconds: Double, operations: Double, efficiency: Double) -> String {
            let rate =
                operations > 0 && seconds > 0 ? String(format: "%9.0f", operations / seconds * 1e-9) : padded("", 9)
            return padded(name, 58)
                + String(format: "%8.2f%6.1f %%", seconds * 1000, 100 * seconds / whole) + rate
                + String(format: "%8.0f %%", 100 * efficiency)
        }
        for row in large {
            lines.append(
                line(
                    "\(row.name) (\(row.cost.algorithm))", row.seconds, operations: row.cost.operations,
                    efficiency: row.efficiency))
        }
        if !small.isEmpty {
            let seconds = small.reduce(0) { $0 + $1.seconds }
            lines.append(
                line(
                    "\(small.count) smaller ones", seconds, operations: small.reduce(0) { $0 + $1.cost.operations },
                    efficiency: seconds > 0 ? small.reduce(0) { $0 + roofline.seconds($1.cost) } / seconds : 0))
        }
        if !scaling.isEmpty {
            lines += ["", padded("scaling", 58) + "      ms  objects"]
            for point in scaling {
                lines.append(
                    padded("\(point.axis): \(point.value)", 58)
                        + String(format: "%8.1f%9d", point.seconds * 1000, point.objects))
            }
        }
        lines.append("")
        if figures.objects == 0 {
            lines.append(
                "no object was found, so that the heads had next to nothing to do: give a picture with --image, or --threshold 0"
            )
        }
        lines.append(
            String(
                format: "least %.1f ms, most %.1f ms, peak memory %d MB", (figures.seconds.min() ?? 0) * 1000,
                (figures.seconds.max() ?? 0) * 1000, figures.peakMemory / 1_000_000))
        return lines.joined(separator: "\n")
    }
}
