import Annotation
import Configuration
import Tracking
import Yams

extension StreamSettings {
    /// - Returns: nil where name or source are missing, after everything that is wrong has been reported.
    init?(_ section: Section<ConfigurationKeys.Stream>) {
        let name = Self.name(in: section)
        let source = section.section(.source, of: ConfigurationKeys.Source.self, shorthand: .url)
        if source == nil { section.report(.source, "a stream needs a source") }
        // Everything else is read all the same, so that it is reported at once.
        self.init(name: name ?? "", source: source.flatMap { Source($0) } ?? Source(url: ""))

        threshold = section.number(.threshold, 0...1) ?? threshold
        classes = section.names(.classes)
        policy = section.choice(.policy)
        maximumRate = section.number(.maximumRate, 0.001...1000)
        if let inner = section.section(.motionGate, of: ConfigurationKeys.MotionGate.self, isSwitch: true) {
            motionGate = MotionGate(inner)
        }
        tracker = TrackerConfiguration(threshold: threshold)
        if let inner = section.section(.tracker, of: ConfigurationKeys.Tracker.self) { tracker.read(inner) }
        if let inner = section.section(.annotate, of: ConfigurationKeys.Annotation.self) { annotation.read(inner) }
        if let inner = section.section(.encoding, of: ConfigurationKeys.Encoding.self) { encoding = Encoding(inner) }
        zones = Self.list(.zones, in: section, of: ConfigurationKeys.Zone.self, Zone.init, name: \.name)
        lines = Self.list(.lines, in: section, of: ConfigurationKeys.Line.self, Line.init, name: \.name)
        if let inner = section.section(.events, of: ConfigurationKeys.Events.self) { events = Events(inner) }
        frames = section.bool(.frames) ?? frames
        let nodes = section.elements(.outputs, atMost: 64, example: "[{json: results.jsonl}]") ?? []
        outputs = nodes.compactMap { StreamOutput($0, stream: name ?? "stream", reader: section.reader) }
        if name == nil || self.source.url.isEmpty { return nil }
    }

    private static func name(in section: Section<ConfigurationKeys.Stream>) -> String? {
        guard let name = section.text(.name) else {
            if !section.has(.name) { section.report(.name, "a stream needs a name") }
            return nil
        }
        let isUsable = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-".utf8.contains(byte)
        }
        // Names become parts of paths, where these two mean something else.
        guard isUsable, name.utf8.count <= 64, name != ".", name != ".." else {
            section.report(
                .name, "name is \(shown(name)); it must be 1 to 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'")
            return nil
        }
        return name
    }

    /// A list of mappings whose names are different.
    private static func list<Inner: ConfigurationKey, Element>(
        _ key: ConfigurationKeys.Stream, in section: Section<ConfigurationKeys.Stream>, of _: Inner.Type,
        _ make: (Section<Inner>) -> Element?, name: KeyPath<Element, String>
    ) -> [Element] {
        var elements: [Element] = []
        for node in section.elements(key, atMost: 256, example: "[{name: door, ...}]") ?? [] {
            guard let element = make(Section<Inner>(node, reader: section.reader)) else { continue }
            if elements.contains(where: { $0[keyPath: name] == element[keyPath: name] }) {
                section.reader.report(node, "two \(key.rawValue) are named \(shown(element[keyPath: name]))")
            }
            elements.append(element)
        }
        return elements
    }
}

extension StreamSettings.MotionGate {
    init(_ section: Section<ConfigurationKeys.MotionGate>) {
        self.init(
            threshold: section.number(.threshold, 0...255), area: section.number(.area, 0...1),
            refresh: section.duration(.refresh, .milliseconds(100) ... .seconds(86_400)))
    }
}

extension TrackerConfiguration {
    mutating func read(_ section: Section<ConfigurationKeys.Tracker>) {
        trackHighThreshold = section.number(.trackHighThreshold, 0...1) ?? trackHighThreshold
        trackLowThreshold = section.number(.trackLowThreshold, 0...1) ?? min(trackLowThreshold, trackHighThreshold)
        newTrackThreshold = section.number(.newTrackThreshold, 0...1) ?? newTrackThreshold
        matchThreshold = section.number(.matchThreshold, 0...1) ?? matchThreshold
        trackBuffer = section.integer(.trackBuffer, 0...100_000) ?? trackBuffer
        classAware = section.bool(.classAware) ?? classAware
        duplicateThreshold = section.number(.duplicateThreshold, 0...1) ?? duplicateThreshold
        maskIoU = section.bool(.maskIoU) ?? maskIoU
        do { try validate() } catch { section.report(.trackLowThreshold, "\(error)") }
    }
}

extension AnnotationOptions {
    mutating func read(_ section: Section<ConfigurationKeys.Annotation>) {
        masks = section.bool(.masks) ?? masks
        boxes = section.bool(.boxes) ?? boxes
        labels = section.bool(.labels) ?? labels
        opacity = section.number(.opacity, 0...1).map { Float($0) } ?? opacity
    }
}

extension StreamSettings.Encoding {
    init(_ section: Section<ConfigurationKeys.Encoding>) {
        self.init()
        codec = section.text(.codec) ?? codec
        quality = section.integer(.quality, 0...255)
        preset = section.text(.preset)
    }
}

extension StreamSettings.Events {
    init(_ section: Section<ConfigurationKeys.Events>) {
        self.init()
        update =
            section.isOff(.update) ? nil : section.duration(.update, .milliseconds(100) ... .seconds(86_400)) ?? update
        lostAfter = section.duration(.lostAfter, .zero ... .seconds(3600)) ?? lostAfter
        anchor = section.choice(.anchor) ?? anchor
        margin = section.number(.margin, 0...10) ?? margin
    }
}

extension StreamSettings.Zone {
    init?(_ section: Section<ConfigurationKeys.Zone>) {
        let units = section.choice(.units, StreamSettings.Units.self) ?? .fraction
        let name = section.text(.name)
        if !section.has(.name) { section.report(.name, "a zone needs a name") }
        var polygon: [StreamSettings.Point] = []
        if let nodes = section.elements(.polygon, atMost: 1000, example: "[[0, 0.5], [1, 0.5], [0.5, 1]]") {
            polygon = nodes.compactMap { StreamSettings.Point($0, units, reader: section.reader) }
            // With a corner that cannot be read the others say nothing.
            if polygon.count < nodes.count { return nil }
            if polygon.count < 3 {
                section.report(.polygon, "polygon has \(polygon.count) corners; it needs at least 3")
            } else if !Self.hasArea(polygon) {
                section.report(.polygon, "polygon has no area: its corners lie on one line")
            }
        } else if !section.has(.polygon) {
            section.report(.polygon, "a zone needs a polygon, a list of corners such as [[0, 0.5], [1, 0.5], [0.5, 1]]")
        }
        self.init(name: name ?? "", polygon: polygon)
        self.units = units
        classes = section.names(.classes)
        dwell = section.duration(.dwell, .milliseconds(1) ... .seconds(7 * 86_400))
        if name == nil { return nil }
    }

    /// Whether the corners do not all lie on one line. The signed area would not do: a bow tie's may be 0.
    private static func hasArea(_ corners: [StreamSettings.Point]) -> Bool {
        guard let first = corners.first, let other = corners.first(where: { $0 != first }) else { return false }
        let (dx, dy) = (other.x - first.x, other.y - first.y)
        return corners.contains { abs(dx * ($0.y - first.y) - dy * ($0.x - first.x)) > 1e-12 * (dx * dx + dy * dy) }
    }
}

extension StreamSettings.Line {
    init?(_ section: Section<ConfigurationKeys.Line>) {
        let units = section.choice(.units, StreamSettings.Units.self) ?? .fraction
        for key in [ConfigurationKeys.Line.name, .from, .to] where !section.has(key) {
            section.report(key, "a line needs \(key == .name ? "a name" : "\(key.rawValue), a point such as [0, 0.5]")")
        }
        guard let name = section.text(.name), let fromNode = section.node(.from), let toNode = section.node(.to),
            let from = StreamSettings.Point(fromNode, units, reader: section.reader),
            let to = StreamSettings.Point(toNode, units, reader: section.reader)
        else { return nil }
        if from == to { section.report(.to, "the line has no length: from and to are the same point") }
        self.init(name: name, from: from, to: to)
        self.units = units
        classes = section.names(.classes)
    }
}

extension StreamSettings.Point {
    /// - Returns: nil for what is no pair of numbers in their range, after that has been reported.
    init?(_ node: Node, _ units: StreamSettings.Units, reader: ConfigurationReader) {
        guard case .sequence(let pair) = node, pair.count == 2 else {
            reader.report(node, "a point must be two numbers, such as [0.25, 0.5]")
            return nil
        }
        var values: [Double] = []
        for element in pair {
            guard let word = reader.word(element, of: "a coordinate") else { return nil }
            let limit = units == .fraction ? 1.0 : 16_384
            guard let value = Section<ConfigurationKeys.Zone>.number(word), (0...limit).contains(value) else {
                let hint = units == .fraction ? " as a part of the picture; for pixels, say units: pixels" : ""
                reader.report(
                    element,
                    "a coordinate is \(reader.written(element)); it must be a number from 0 to \(Int(limit))\(hint)")
                return nil
            }
            values.append(value)
        }
        self.init(x: values[0], y: values[1])
    }
}
