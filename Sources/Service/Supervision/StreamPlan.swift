import Configuration
import Events
import Instances
import Locks
import Tracking
import Video

/// What a stream's settings come to with a model's categories and a source's nature.
struct StreamPlan: Sendable {
    let settings: StreamSettings
    let configuration: StreamConfiguration
    let hello: StreamRecord.Hello
    let address: SourceAddress
    /// Whether frames come for ever, so that no fault is the end.
    let isEndless: Bool

    var name: String { settings.name }

    /// - Parameters:
    ///   - categories: What the model knows.
    ///   - program: The program and its version, for consumers.
    /// - Throws: `ConfigurationError` for classes that the model does not know, `VideoError` for a source that cannot be one,
    ///   `EventConfiguration.Failure`.
    init(_ settings: StreamSettings, categories: [Category], program: String) throws {
        self.settings = settings
        address = try SourceAddress(settings.source.url)
        let isLive = address.isLive
        isEndless = isLive || settings.source.loop
        hello = StreamRecord.Hello(program: program, stream: settings.name, categories: categories)
        let ids = ClassLookup(categories)
        let policy = settings.policy(isLive: isLive)
        let events = try Self.events(settings, ids)
        configuration = StreamConfiguration(
            name: settings.name, threshold: settings.threshold, categories: try ids.ids(settings.classes),
            tracker: settings.tracker, annotation: settings.annotation,
            policy: policy == .latency ? .latency : .everyFrame, inferenceRate: settings.maximumRate,
            motionGate: settings.motionGate.map(Self.gate), events: events, isLive: isEndless)
    }

    private static func gate(_ settings: StreamSettings.MotionGate) -> MotionGateConfiguration {
        var gate = MotionGateConfiguration()
        gate.threshold = settings.threshold ?? gate.threshold
        gate.area = settings.area ?? gate.area
        gate.refresh = settings.refresh?.inSeconds ?? gate.refresh
        return gate
    }

    private static func events(_ settings: StreamSettings, _ ids: ClassLookup) throws -> EventConfiguration {
        func units(_ units: StreamSettings.Units) -> EventConfiguration.Units {
            units == .pixels ? .pixels : .fraction
        }
        func point(_ point: StreamSettings.Point) -> EventConfiguration.Point { .init(x: point.x, y: point.y) }
        let events = EventConfiguration(
            zones: try settings.zones.map { zone in
                .init(
                    name: zone.name, polygon: zone.polygon.map(point), units: units(zone.units),
                    categories: try ids.ids(zone.classes), dwell: zone.dwell?.inSeconds)
            },
            lines: try settings.lines.map { line in
                .init(
                    name: line.name, from: point(line.from), to: point(line.to), units: units(line.units),
                    categories: try ids.ids(line.classes))
            },
            updateInterval: settings.events.update?.inSeconds, lostAfter: settings.events.lostAfter.inSeconds,
            anchor: settings.events.anchor == .bottom ? .bottom : .center, margin: settings.events.margin)
        try events.validate()
        return events
    }
}

/// Finds a model's categories by the names that a configuration gives.
struct ClassLookup {
    private let categories: [Category]

    init(_ categories: [Category]) { self.categories = categories }

    /// The ids of the names; nil for nil.
    ///
    /// - Throws: `ConfigurationError` with every name that the model does not know.
    func ids(_ names: [WrittenName]?) throws -> Set<Int>? {
        guard let names else { return nil }
        var (ids, issues) = (Set<Int>(), [ConfigurationError.Issue]())
        for name in names {
            if let category = categories.first(where: { $0.name == name.text }) {
                ids.insert(category.id)
            } else {
                let words = Suggestion.words(for: name.text, among: categories.prefix(100).map(\.name))
                issues.append(.init(name.place, "the model knows no class \(shown(name.text))\(words)"))
            }
        }
        if !issues.isEmpty { throw ConfigurationError(issues) }
        return ids
    }
}
