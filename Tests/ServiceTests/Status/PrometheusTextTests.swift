import Testing

@testable import Service

@Suite("The metrics as Prometheus reads them")
struct PrometheusTextTests {
    private let text = PrometheusText(.example).text

    @Test("follow the text format, with help and type before each name's samples")
    func format() throws {
        let families = try PrometheusParser.parse(text)
        #expect(families["segmentd_frames_in_total"]?.type == "counter")
        #expect(families["segmentd_latency_seconds"]?.type == "histogram")
        #expect(families["segmentd_queue_depth"]?.type == "gauge")
        for (name, family) in families {
            #expect(!family.help.isEmpty, "\(name)")
            #expect(name.hasSuffix("_total") == (family.type == "counter"), "\(name)")
        }
    }

    @Test("count what the snapshot says, by stream, stage and reason")
    func values() throws {
        let families = try PrometheusParser.parse(text)
        func value(_ name: String, _ labels: [String: String]) -> Double? {
            families.values.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
        }
        #expect(value("segmentd_frames_in_total", ["stream": "door"]) == 120)
        #expect(value("segmentd_frames_inferred_total", ["stream": "door"]) == 40)
        #expect(
            value("segmentd_frames_dropped_total", ["stream": "door", "stage": "detect", "reason": "queue full"]) == 7)
        #expect(value("segmentd_stream_up", ["stream": "door"]) == 1)
        #expect(value("segmentd_stream_up", ["stream": "the \"yard\"\\\n<script>/é"]) == 0)
        #expect(value("segmentd_tracks", ["stream": "door", "category": "circle"]) == 2)
        #expect(value("segmentd_tracks", ["stream": "door", "category": "<b>\"star\"</b>"]) == 1)
        #expect(value("segmentd_output_clients", ["stream": "door", "output": "socket /run/door.sock"]) == 2)
        #expect(
            value("segmentd_output_bytes_total", ["stream": "door", "output": "record /var/videos"])
                == 1_099_511_627_776)
        #expect(value("process_resident_memory_bytes", [:]) == 536_870_912)
        #expect(value("process_cpu_seconds_total", [:]) == 12.5)
    }

    @Test("have histograms whose classes sum up")
    func histograms() throws {
        let family = try #require(try PrometheusParser.parse(text)["segmentd_latency_seconds"])
        let door = family.samples.filter { $0.labels["stream"] == "door" }
        let buckets = door.filter { $0.name == "segmentd_latency_seconds_bucket" }
        #expect(buckets.count == LatencyHistogram.bounds.count + 1)
        #expect(buckets.last?.labels["le"] == "+Inf")
        #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.value <= $1.value })
        #expect(buckets.first { $0.labels["le"] == "0.05" }?.value == 3)
        #expect(buckets.first { $0.labels["le"] == "60" }?.value == 4)
        #expect(buckets.last?.value == 5)
        #expect(door.first { $0.name.hasSuffix("_count") }?.value == 5)
        let sum = try #require(door.first { $0.name.hasSuffix("_sum") }?.value)
        #expect(abs(sum - 90.382) < 1e-9)
    }

    @Test("name outputs apart that are called alike")
    func sameNames() throws {
        var snapshot = ServiceSnapshot.example
        snapshot.streams[0].outputs.append(snapshot.streams[0].outputs[0])
        // The parser refuses a sample that is there twice, as Prometheus does.
        let families = try PrometheusParser.parse(PrometheusText(snapshot).text)
        #expect(families["segmentd_output_clients"]?.samples.count == 2)
    }

    @Test("write numbers that are none as the format has them")
    func numbers() throws {
        var snapshot = ServiceSnapshot.example
        snapshot.uptime = .infinity
        snapshot.process.processorTime = .nan
        let families = try PrometheusParser.parse(PrometheusText(snapshot).text)
        #expect(families["segmentd_uptime_seconds"]?.samples.first?.value == .infinity)
        #expect(families["process_cpu_seconds_total"]?.samples.first?.value.isNaN == true)
    }
}

/// Reads the text format 0.0.4 strictly, as its specification has it.
enum PrometheusParser {
    struct Sample {
        var name: String
        var labels: [String: String]
        var value: Double
    }
    struct Family {
        var help = ""
        var type = ""
        var samples: [Sample] = []
    }
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static func parse(_ text: String) throws(Failure) -> [String: Family] {
        guard text.hasSuffix("\n") else { throw Failure(description: "the last line has no end") }
        var families: [String: Family] = [:]
        var current = ""
        var seen = Set<String>()
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                guard words.count == 4 else { throw Failure(description: "a comment without a text: \(line)") }
                if words[1] == "HELP" {
                    guard families[words[2]] == nil else { throw Failure(description: "twice: \(words[2])") }
                    current = words[2]
                    families[current] = Family(help: words[3])
                } else {
                    guard words[1] == "TYPE", words[2] == current, families[current]?.type == "",
                        ["counter", "gauge", "histogram"].contains(words[3])
                    else { throw Failure(description: "out of place: \(line)") }
                    families[current]?.type = words[3]
                }
                continue
            }
            var rest = line[...]
            let sample = try sample(&rest)
            let suffixes = families[current]?.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            guard suffixes.contains(where: { sample.name == current + $0 }) else {
                throw Failure(description: "not of \(current): \(line)")
            }
            guard seen.insert("\(sample.name) \(sample.labels.sorted { $0.key < $1.key })").inserted else {
                throw Failure(description: "twice: \(line)")
            }
            families[current]?.samples.append(sample)
        }
        return families
    }

    private static func sample(_ rest: inout Substring) throws(Failure) -> Sample {
        let line = rest
        let name = take(&rest)
        guard !name.isEmpty else { throw Failure(description: "no name: \(line)") }
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest.removeFirst()
            while true {
                let label = take(&rest)
                guard !label.isEmpty, rest.hasPrefix("=\"") else { throw Failure(description: "no label: \(line)") }
                rest.removeFirst(2)
                var value = ""
                while let character = rest.popFirst(), character != "\"" {
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    switch rest.popFirst() {
                    case "n": value += "\n"
                    case "\\": value += "\\"
                    case "\"": value += "\""
                    default: throw Failure(description: "no escape: \(line)")
                    }
                }
                guard labels.updateValue(value, forKey: label) == nil else {
                    throw Failure(description: "twice \(label)")
                }
                guard let next = rest.popFirst() else { throw Failure(description: "no end: \(line)") }
                if next == "}" { break }
                guard next == "," else { throw Failure(description: "no comma: \(line)") }
            }
        }
        guard rest.popFirst() == " " else { throw Failure(description: "no space before the value: \(line)") }
        let value: Double? =
            switch rest {
            case "+Inf": .infinity
            case "-Inf": -.infinity
            case "NaN": .nan
            default: rest.contains(where: { !"0123456789.e-+".contains($0) }) ? nil : Double(rest)
            }
        guard let value else { throw Failure(description: "no number: \(line)") }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func take(_ rest: inout Substring) -> String {
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        rest.removeFirst(name.count)
        return String(name)
    }
}
