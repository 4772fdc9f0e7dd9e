import Instances

extension ServiceSnapshot {
    /// As the page reads it.
    func json() -> String {
        var json = JSONText()
        json.object { json in
            json.string("program", program)
            json.string("started", started.rfc3339)
            json.number("uptime", uptime, decimals: 1)
            json.string("model", model)
            json.string("engine", engine)
            json.string("precision", precision)
            json.object("process") { json in
                json.integer("memory", process.residentMemory)
                json.integer("descriptors", process.openDescriptors)
                json.integer("threads", process.threads)
                json.number("processor_seconds", process.processorTime, decimals: 2)
            }
            json.integer("waiting_for_engine", waitingForEngine)
            json.array("streams") { json in
                for stream in streams { json.object { stream.write(to: &$0) } }
            }
        }
        return json.text
    }
}

extension StreamSnapshot {
    fileprivate func write(to json: inout JSONText) {
        json.string("name", name)
        json.string("source", source)
        json.string("state", state.rawValue)
        json.string("since", since.rfc3339)
        if let lastError { json.string("last_error", lastError) }
        json.integer("width", width)
        json.integer("height", height)
        if let sourceRate { json.number("source_rate", sourceRate, decimals: 3) }
        json.string("policy", policy)
        json.object("frames") { json in
            json.integer("in", framesIn)
            json.integer("inferred", framesInferred)
            json.integer("predicted", framesPredicted)
            json.integer("still", framesStill)
            json.integer("dropped", dropped.reduce(0) { $0 + $1.count })
        }
        json.array("drops") { json in
            for drop in dropped {
                json.object { json in
                    json.string("stage", drop.stage)
                    json.string("reason", drop.reason)
                    json.integer("count", drop.count)
                }
            }
        }
        json.object("queues") { json in
            for queue in queues { json.integer(queue.stage, queue.depth) }
        }
        json.object("inference") { json in inference.write(to: &json) }
        json.object("latency") { json in latency.write(to: &json) }
        json.integer("reconnects", reconnects)
        json.integer("restarts", restarts)
        json.array("tracks") { json in
            for track in tracks {
                json.object { json in
                    if let id = track.id { json.integer("id", id) }
                    json.string("category", track.category)
                    json.number("score", track.score, decimals: 3)
                    json.array("bbox") { json in
                        for value in track.box { json.number(nil, value, decimals: 1) }
                    }
                }
            }
        }
        json.array("events") { json in
            for event in events {
                json.object { json in
                    json.string("event", event.kind.name)
                    json.string("time", event.time ?? "")
                    json.number("pts", event.pts, decimals: 3)
                    json.integer("track", event.object.trackID ?? 0)
                    json.string("category", event.object.category)
                    if let place = event.place { json.string("place", place) }
                }
            }
        }
        json.array("outputs") { json in
            for output in outputs {
                json.object { json in
                    json.string("name", output.name)
                    json.string("state", output.state)
                    if let error = output.lastError { json.string("last_error", error) }
                    json.integer(output.isVideo ? "bytes" : "records", output.written)
                    json.integer("dropped", output.dropped)
                    json.integer("waiting", output.queueDepth)
                    if output.isVideo {
                        json.integer("segments", output.segments)
                    } else {
                        json.integer("clients", output.clients)
                    }
                }
            }
        }
    }
}

extension LatencyHistogram {
    fileprivate func write(to json: inout JSONText) {
        json.integer("count", count)
        json.number("median", quantile(0.5) ?? 0, decimals: 4)
        json.number("p95", quantile(0.95) ?? 0, decimals: 4)
        json.number("max", maximum, decimals: 4)
    }
}

extension StreamEvent {
    /// The zone or line that the event is about.
    fileprivate var place: String? {
        switch kind {
        case .new, .update, .end: nil
        case .enter(let zone), .leave(let zone, _), .dwell(let zone, _): zone
        case .cross(let line, _): line
        }
    }
}
