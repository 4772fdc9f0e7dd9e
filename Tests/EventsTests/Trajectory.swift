import Instances

@testable import Events

/// Frames of 100x100 pixels, ten a second, made by hand for one detector.
struct Trajectory {
    var detector: EventDetector
    var width = 100
    var height = 100
    private(set) var frame = 0
    private(set) var events: [StreamEvent] = []

    init(_ configuration: EventConfiguration = EventConfiguration(updateInterval: nil)) {
        detector = EventDetector(configuration: configuration, stream: "door")
    }

    /// An object of 10x10 pixels whose lower edge has its middle at a place; the margin is a pixel.
    static func object(_ x: Double, _ y: Double, id: Int? = 1, category: Int = 1) -> Instance {
        Instance(
            trackID: id, categoryID: category, category: "class \(category)", score: 0.9,
            box: Box(x0: Float(x - 5), y0: Float(y - 10), x1: Float(x + 5), y1: Float(y)))
    }

    /// Adds a frame and returns its events.
    @discardableResult
    mutating func add(_ objects: [Instance], inferred: Bool = true, pts: Double? = nil) -> [StreamEvent] {
        let result = FrameResult(
            stream: "door", frame: frame, pts: pts ?? Double(frame) / 10, width: width, height: height,
            inferred: inferred, objects: objects)
        frame += 1
        let told = detector.update(with: result)
        events += told
        return told
    }

    /// Moves the first track through places and returns the events as short words.
    mutating func walk(_ places: [(Double, Double)], category: Int = 1, inferred: Bool = true) -> [String] {
        places.flatMap { add([Self.object($0.0, $0.1, category: category)], inferred: inferred) }.map(\.word)
    }

    /// Ends the stream.
    @discardableResult
    mutating func finish() -> [StreamEvent] {
        let told = detector.finish(frame: frame, pts: Double(frame) / 10, time: nil)
        events += told
        return told
    }
}

extension StreamEvent {
    /// The event in short, with seconds to a tenth.
    var word: String {
        func tenths(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10)" }
        switch kind {
        case .new, .update: return kind.name
        case .end(let seconds): return "end \(tenths(seconds))"
        case .enter(let zone): return "enter \(zone)"
        case .leave(let zone, let seconds): return "leave \(zone) \(tenths(seconds))"
        case .dwell(let zone, let seconds): return "dwell \(zone) \(tenths(seconds))"
        case .cross(let line, let direction): return "cross \(line) \(direction.rawValue)"
        }
    }
}
