import Instances

/// What is there in a stream now, as it is retained for whoever subscribes later.
struct MQTTState: Equatable {
    var stream: String
    /// The newest frame; nil before the first and after the stream's end.
    var frame: FrameResult?

    /// Whether the other state has the same objects, wherever they have moved.
    func isLike(_ other: MQTTState) -> Bool {
        guard (frame == nil) == (other.frame == nil) else { return false }
        return identities == other.identities
    }

    private var identities: [[Int]] {
        (frame?.objects ?? []).map { [$0.trackID ?? -1, $0.categoryID] }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// One object of JSON: `objects` counts by category, `tracks` without masks.
    func json() -> String {
        var json = JSONText()
        json.object { json in
            json.string("type", "state")
            json.string("stream", stream)
            if let frame {
                json.integer("frame", frame.frame)
                json.number("pts", frame.pts, decimals: 6)
                if let time = frame.time { json.string("time", time) }
            }
            let objects = frame?.objects ?? []
            json.object("objects") { json in
                let counts = Dictionary(objects.map { ($0.category, 1) }, uniquingKeysWith: +)
                for (category, count) in counts.sorted(by: { $0.key < $1.key }) { json.integer(category, count) }
            }
            json.array("tracks") { json in
                for var object in objects {
                    object.mask = nil
                    json.object { json in object.appendFields(to: &json) }
                }
            }
        }
        return json.text
    }
}
