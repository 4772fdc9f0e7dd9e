/// A snapshot as Prometheus reads it (text exposition format 0.0.4).
struct PrometheusText {
    private(set) var text = ""

    init(_ snapshot: ServiceSnapshot) {
        add(service: snapshot)
        let streams = snapshot.streams
        family("segmentd_stream_up", "gauge", "1 while frames come from the stream's source.") { family in
            for stream in streams {
                family.sample(stream.state == .running ? 1 : 0, ["stream": stream.name])
            }
        }
        add("segmentd_frames_in_total", "Frames that the source gave.", streams) { Double($0.framesIn) }
        add("segmentd_frames_inferred_total", "Frames that the detector saw.", streams) { Double($0.framesInferred) }
        add("segmentd_frames_predicted_total", "Frames whose objects the tracker predicted.", streams) {
            Double($0.framesPredicted)
        }
        add("segmentd_frames_still_total", "Frames that the motion gate kept from the detector.", streams) {
            Double($0.framesStill)
        }
        add("segmentd_reconnects_total", "Connections to the source after an earlier one was lost.", streams) {
            Double($0.reconnects)
        }
        add("segmentd_restarts_total", "Starts of the stream after a fault.", streams) { Double($0.restarts) }
        family("segmentd_frames_dropped_total", "counter", "Frames that found no room.") { family in
            for stream in streams {
                for drop in stream.dropped {
                    family.sample(
                        Double(drop.count), ["stream": stream.name, "stage": drop.stage, "reason": drop.reason])
                }
            }
        }
        family("segmentd_queue_depth", "gauge", "Items that wait for a stage.") { family in
            for stream in streams {
                for queue in stream.queues {
                    family.sample(Double(queue.depth), ["stream": stream.name, "stage": queue.stage])
                }
            }
        }
        family("segmentd_tracks", "gauge", "Objects that are there now.") { family in
            for stream in streams {
                for (category, count) in Self.counts(stream.tracks) {
                    family.sample(Double(count), ["stream": stream.name, "category": category])
                }
            }
        }
        histogram("segmentd_inference_seconds", "How long the detector takes for a frame.", streams) { $0.inference }
        histogram(
            "segmentd_latency_seconds", "From the decoder to the record, of frames that the detector saw.", streams
        ) { $0.latency }
        addOutputs(streams)
    }

    /// How many tracks there are of each category, by name.
    static func counts(_ tracks: [StreamSnapshot.Track]) -> [(category: String, count: Int)] {
        Dictionary(grouping: tracks, by: \.category).map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }

    private mutating func add(service snapshot: ServiceSnapshot) {
        family("segmentd_info", "gauge", "What runs.") { family in
            family.sample(
                1,
                [
                    "program": snapshot.program, "model": snapshot.model, "engine": snapshot.engine,
                    "precision": snapshot.precision,
                ])
        }
        single("segmentd_uptime_seconds", "gauge", "Time since the start.", snapshot.uptime)
        single(
            "process_resident_memory_bytes", "gauge", "Memory that is resident.",
            Double(snapshot.process.residentMemory))
        single("process_open_fds", "gauge", "Open descriptors.", Double(snapshot.process.openDescriptors))
        single("process_threads", "gauge", "Threads.", Double(snapshot.process.threads))
        single("process_cpu_seconds_total", "counter", "Processor time.", snapshot.process.processorTime)
        single(
            "segmentd_engine_waiting", "gauge", "Streams that wait for their turn at the engine.",
            Double(snapshot.waitingForEngine))
    }

    private mutating func addOutputs(_ streams: [StreamSnapshot]) {
        var outputs: [(stream: String, output: StreamSnapshot.Output)] = []
        for stream in streams {
            var names: [String: Int] = [:]
            for var output in stream.outputs {
                // A sample that is there twice would make Prometheus refuse them all.
                let count = names[output.name, default: 0] + 1
                names[output.name] = count
                if count > 1 { output.name += " #\(count)" }
                outputs.append((stream.name, output))
            }
        }
        func add(
            _ name: String, _ type: String, _ help: String,
            where isWanted: (StreamSnapshot.Output) -> Bool = { _ in true },
            _ value: (StreamSnapshot.Output) -> Double, _ self: inout PrometheusText
        ) {
            self.family(name, type, help) { family in
                for (stream, output) in outputs where isWanted(output) {
                    family.sample(value(output), ["stream": stream, "output": output.name])
                }
            }
        }
        add("segmentd_output_up", "gauge", "1 while the output works.", { $0.state == "running" ? 1 : 0 }, &self)
        add(
            "segmentd_output_records_total", "counter", "Records written, over all clients.", where: { !$0.isVideo },
            { Double($0.written) }, &self)
        add(
            "segmentd_output_bytes_total", "counter", "Bytes of video written.", where: \.isVideo,
            { Double($0.written) }, &self)
        add(
            "segmentd_output_dropped_total", "counter", "Records or pictures that the output gave up.",
            { Double($0.dropped) }, &self)
        add("segmentd_output_queue_depth", "gauge", "What waits for the output.", { Double($0.queueDepth) }, &self)
        add(
            "segmentd_output_clients", "gauge", "Clients connected.", where: { !$0.isVideo }, { Double($0.clients) },
            &self)
        add(
            "segmentd_output_connections_total", "counter", "Connections so far.", where: { !$0.isVideo },
            { Double($0.connections) }, &self)
        add(
            "segmentd_output_segments_total", "counter", "Files of a recording that are whole.", where: \.isVideo,
            { Double($0.segments) }, &self)
    }

    private mutating func single(_ name: String, _ type: String, _ help: String, _ value: Double) {
        family(name, type, help) { $0.sample(value, [:]) }
    }

    private mutating func add(
        _ name: String, _ help: String, _ streams: [StreamSnapshot], _ value: (StreamSnapshot) -> Double
    ) {
        family(name, "counter", help) { family in
            for stream in streams { family.sample(value(stream), ["stream": stream.name]) }
        }
    }

    private mutating func histogram(
        _ name: String, _ help: String, _ streams: [StreamSnapshot], _ value: (StreamSnapshot) -> LatencyHistogram
    ) {
        family(name, "histogram", help) { family in
            for stream in streams {
                let histogram = value(stream)
                var sum = 0
                for (index, count) in histogram.counts.enumerated() {
                    sum += count
                    let bound =
                        index < LatencyHistogram.bounds.count ? Family.number(LatencyHistogram.bounds[index]) : "+Inf"
                    family.sample(Double(sum), ["stream": stream.name, "le": bound], suffix: "_bucket")
                }
                family.sample(histogram.sum, ["stream": stream.name], suffix: "_sum")
                family.sample(Double(sum), ["stream": stream.name], suffix: "_count")
            }
        }
    }

    private mutating func family(_ name: String, _ type: String, _ help: String, _ body: (inout Family) -> Void) {
        var family = Family(name: name)
        body(&family)
        guard !family.lines.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(family.lines)"
    }

    /// The samples of one name.
    private struct Family {
        let name: String
        var lines = ""

        mutating func sample(_ value: Double, _ labels: KeyValuePairs<String, String>, suffix: String = "") {
            let list = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
            lines += "\(name)\(suffix)\(list.isEmpty ? "" : "{\(list)}") \(Self.number(value))\n"
        }

        static func number(_ value: Double) -> String {
            guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
            return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
        }

        private static func escaped(_ value: String) -> String {
            var text = ""
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return text
        }
    }
}
