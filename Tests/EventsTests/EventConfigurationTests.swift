import Testing

@testable import Events

@Suite struct EventConfigurationTests {
    private typealias Point = EventConfiguration.Point
    private let corners: [EventConfiguration.Point] = [.init(x: 0, y: 0), .init(x: 1, y: 0), .init(x: 1, y: 1)]

    private func fault(_ configuration: EventConfiguration) -> EventConfiguration.Failure? {
        do {
            try configuration.validate()
            return nil
        } catch {
            return error as? EventConfiguration.Failure
        }
    }

    @Test func `what can be used is accepted`() throws {
        let bow: [EventConfiguration.Point] = [
            .init(x: 0, y: 0), .init(x: 1, y: 1), .init(x: 1, y: 0), .init(x: 0, y: 1),
        ]
        try EventConfiguration().validate()
        try EventConfiguration(
            zones: [.init(name: "a", polygon: corners, dwell: 3), .init(name: "bow tie", polygon: bow)],
            lines: [.init(name: "a", from: corners[0], to: corners[1])], updateInterval: nil, lostAfter: 0, margin: 0
        ).validate()
    }

    @Test func `zones that cannot be used are refused by name`() {
        let zone = EventConfiguration.Zone(name: "door", polygon: corners)
        var few = zone
        few.polygon.removeLast()
        var flat = zone
        flat.polygon[2] = Point(x: 0.5, y: 0)
        var still = zone
        still.polygon = Array(repeating: corners[1], count: 4)
        var none = zone
        none.polygon[1].x = .nan
        var hasty = zone
        hasty.dwell = 0
        #expect(fault(EventConfiguration(zones: [few])) == .tooFewCorners(zone: "door", corners: 2))
        #expect(fault(EventConfiguration(zones: [flat])) == .noArea(zone: "door"))
        #expect(fault(EventConfiguration(zones: [still])) == .noArea(zone: "door"))
        #expect(fault(EventConfiguration(zones: [none])) == .notANumber(name: "door"))
        #expect(fault(EventConfiguration(zones: [hasty])) == .outOfRange(key: "dwell", value: 0, expected: "above 0"))
        #expect(fault(EventConfiguration(zones: [zone, zone])) == .repeatedName("door"))
    }

    @Test func `lines that cannot be used are refused by name`() {
        let line = EventConfiguration.Line(name: "sill", from: corners[0], to: corners[1])
        var short = line
        short.to = short.from
        var none = line
        none.to.y = .infinity
        #expect(fault(EventConfiguration(lines: [short])) == .noLength(line: "sill"))
        #expect(fault(EventConfiguration(lines: [none])) == .notANumber(name: "sill"))
        #expect(fault(EventConfiguration(lines: [line, line])) == .repeatedName("sill"))
    }

    @Test func `times and margins out of range are refused`() {
        for (configuration, key) in [
            (EventConfiguration(updateInterval: 0), "update"), (EventConfiguration(lostAfter: -1), "lost_after"),
            (EventConfiguration(lostAfter: .infinity), "lost_after"), (EventConfiguration(margin: .nan), "margin"),
        ] {
            guard case .outOfRange(key, _, _) = fault(configuration) else {
                Issue.record("\(key) is accepted")
                continue
            }
        }
    }
}
