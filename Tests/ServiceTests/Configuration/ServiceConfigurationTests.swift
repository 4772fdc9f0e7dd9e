import Configuration
import Testing

@testable import Service

@Suite("What a configuration says")
struct ServiceConfigurationTests {
    @Test("what is left out has its default")
    func defaults() throws {
        let configuration = try configured("streams:\n- {name: door, source: 'test:shapes?size=640x360&rate=15'}\n")
        var expected = ServiceConfiguration(
            file: "/nowhere/c.yaml",
            streams: [StreamSettings(name: "door", source: .init(url: "test:shapes?size=640x360&rate=15"))])
        expected.http = .init(host: "127.0.0.1", port: 9470)
        #expect(configuration == expected)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.streams[0].tracker == .init(threshold: 0.5))
    }

    @Test("every key of the service is read")
    func service() throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "m.safetensors")
        let configuration = try configured(
            """
            model: m.safetensors
            http: {address: "[::1]:80"}
            log: {level: debug, format: json}
            threads: 3
            precision: int8
            stop_timeout: 1m30s
            streams: [{name: a, source: '-'}]
            """, folder: folder.path)
        #expect(configuration.model == "\(folder.path)/m.safetensors")
        #expect(configuration.http == .init(host: "::1", port: 80))
        #expect(configuration.log == .init(level: .debug, format: .json))
        #expect(configuration.threads == 3)
        #expect(configuration.precision == .int8)
        #expect(configuration.stopTimeout == .seconds(90))
    }

    @Test("every key of a stream is read")
    func wholeStream() throws {
        let stream = try stream(
            """
            threshold: 0.6
            classes: [person, car]
            policy: every-frame
            max_fps: 7.5
            motion_gate: {threshold: 9, area: 0.25, refresh: 20s}
            tracker: {track_high_thresh: 0.7, track_low_thresh: 0.2, new_track_thresh: 0.8, match_thresh: 0.9,
              track_buffer: 5, class_aware: false, duplicate_thresh: 1, mask_iou: false}
            annotate: {masks: false, boxes: false, labels: false, opacity: 0.75}
            encoding: {codec: hevc, quality: 30, preset: slow}
            zones: [{name: z, polygon: [[0, 0], [10, 0], [0, 20]], units: pixels, classes: [car], dwell: 10s}]
            lines: [{name: l, from: [0, 0.5], to: [1, 0.5], units: fraction, classes: [person]}]
            events: {update: 1s, lost_after: 3s, anchor: center, margin: 0.2}
            frames: false
            """)
        var expected = StreamSettings(name: "a", source: .init(url: "test:shapes"))
        let anywhere = Place(file: "", line: 1, column: 1)
        expected.threshold = 0.6
        expected.classes = [WrittenName("person", at: anywhere), WrittenName("car", at: anywhere)]
        expected.policy = .everyFrame
        expected.maximumRate = 7.5
        expected.motionGate = .init(threshold: 9, area: 0.25, refresh: .seconds(20))
        expected.tracker.trackHighThreshold = 0.7
        expected.tracker.trackLowThreshold = 0.2
        expected.tracker.newTrackThreshold = 0.8
        expected.tracker.matchThreshold = 0.9
        expected.tracker.trackBuffer = 5
        expected.tracker.classAware = false
        expected.tracker.duplicateThreshold = 1
        expected.tracker.maskIoU = false
        expected.annotation = .init(masks: false, boxes: false, labels: false, opacity: 0.75)
        expected.encoding.codec = "hevc"
        expected.encoding.quality = 30
        expected.encoding.preset = "slow"
        var zone = StreamSettings.Zone(name: "z", polygon: [.init(x: 0, y: 0), .init(x: 10, y: 0), .init(x: 0, y: 20)])
        zone.units = .pixels
        zone.classes = [WrittenName("car", at: anywhere)]
        zone.dwell = .seconds(10)
        expected.zones = [zone]
        var line = StreamSettings.Line(name: "l", from: .init(x: 0, y: 0.5), to: .init(x: 1, y: 0.5))
        line.classes = [WrittenName("person", at: anywhere)]
        expected.lines = [line]
        expected.events.update = .seconds(1)
        expected.events.lostAfter = .seconds(3)
        expected.events.anchor = .center
        expected.events.margin = 0.2
        expected.frames = false
        #expect(stream == expected)
        #expect(stream.classes?[1].place == Place(file: "/nowhere/c.yaml", line: 5, column: 21))
    }

    @Test("every key of a source is read")
    func source() throws {
        let configuration = try configured(
            """
            streams:
            - name: a
              source: {url: "rtsp://cam:554/1", transport: tcp, username: u, password: p, open_timeout: 3s,
                read_timeout: 4s, reconnect: {initial: 1s, maximum: 2s, attempts: 3}, loop: true, native_rate: true,
                options: {rtbufsize: 100M}, camera: {format: mjpeg, size: 1280x720, rate: 30}}
            """)
        var expected = StreamSettings.Source(url: "rtsp://cam:554/1")
        expected.transport = .tcp
        expected.credentials = Credentials(username: "u", password: Secret("p"))
        expected.openTimeout = .seconds(3)
        expected.readTimeout = .seconds(4)
        expected.reconnect.initial = .seconds(1)
        expected.reconnect.maximum = .seconds(2)
        expected.reconnect.attempts = 3
        expected.loop = true
        expected.nativeRate = true
        expected.options = ["rtbufsize": "100M"]
        expected.camera.format = "mjpeg"
        (expected.camera.width, expected.camera.height) = (1280, 720)
        expected.camera.rate = 30
        #expect(configuration.streams[0].source == expected)
    }

    @Test("every output is read, by its short and by its long form")
    func outputs() throws {
        let folder = try TemporaryFolder()
        for name in ["ca.pem", "c.pem", "k.pem"] { try folder.write("x", to: name) }
        let stream = try stream(
            """
            outputs:
            - socket: /x/s.sock
            - socket: {path: /x/t.sock, mode: "0666", owner: root, group: video, queue: 5, queue_size: 1MiB}
            - json: out/{stream}.jsonl
            - json: {path: /x/r.jsonl, rotate: {size: 100MB, every: 1h, keep: 24}, fsync: 5s}
            - record: /x/video
            - record: {directory: '/x/{stream}', segment: 30s, keep: 7d, max_size: 10GB}
            - hls: /x/hls
            - hls: {directory: /x/live, segment: 1s, window: 3}
            - push: rtsp://h:8554/{stream}
            - push: {url: rtmp://h/x, username: u, password: p, timeout: 2s, reconnect: {initial: 1s}}
            - mqtt: broker
            - mqtt: {host: b, port: 1, topic: 't/{stream}/', qos: 2, client_id: c, username: u, password: p, keepalive: 9s,
                queue: 7, queue_size: 1MiB, tls: {ca: \(folder.path)/ca.pem, certificate: \(folder.path)/c.pem,
                key: \(folder.path)/k.pem}}
            """)
        var socket = StreamOutput.Socket(path: "/x/t.sock")
        (socket.mode, socket.owner, socket.group, socket.queue, socket.queueSize) = (0o666, "root", "video", 5, 1 << 20)
        var lines = StreamOutput.Lines(path: "/x/r.jsonl")
        (lines.rotateSize, lines.rotateEvery, lines.keep, lines.sync) =
            (100_000_000, .seconds(3600), 24, .every(.seconds(5)))
        var recording = StreamOutput.Recording(directory: "/x/a")
        (recording.segment, recording.keep, recording.maximumSize) =
            (.seconds(30), .seconds(7 * 86_400), 10_000_000_000)
        var hls = StreamOutput.HLS(directory: "/x/live")
        (hls.segment, hls.window) = (.seconds(1), 3)
        var push = StreamOutput.Push(url: "rtmp://h/x")
        (push.credentials, push.timeout) = (Credentials(username: "u", password: Secret("p")), .seconds(2))
        push.reconnect.initial = .seconds(1)
        var mqtt = StreamOutput.MQTT(host: "b", topic: "t/a")
        (mqtt.port, mqtt.qos, mqtt.clientID, mqtt.keepalive, mqtt.queue, mqtt.queueSize) =
            (1, 2, "c", .seconds(9), 7, 1 << 20)
        mqtt.credentials = Credentials(username: "u", password: Secret("p"))
        var tls = StreamOutput.MQTT.TLS()
        (tls.ca, tls.certificate, tls.key) = ("\(folder.path)/ca.pem", "\(folder.path)/c.pem", "\(folder.path)/k.pem")
        mqtt.tls = tls
        #expect(
            stream.outputs == [
                .socket(.init(path: "/x/s.sock")), .socket(socket), .json(.init(path: "/nowhere/out/a.jsonl")),
                .json(lines), .record(.init(directory: "/x/video")), .record(recording),
                .hls(.init(directory: "/x/hls")), .hls(hls), .push(.init(url: "rtsp://h:8554/a")), .push(push),
                .mqtt(.init(host: "broker", topic: "segmentd/a")), .mqtt(mqtt),
            ])
    }

    @Test("a broker's port follows from whether TLS is wanted")
    func portOfTLS() throws {
        guard case .mqtt(let mqtt)? = try stream("outputs: [{mqtt: {host: b, tls: true}}]").outputs.first else {
            Issue.record("the output is no mqtt")
            return
        }
        #expect(mqtt.port == 8883 && mqtt.tls == .init())
    }

    @Test("streams inherit defaults key by key, also inside mappings and through merge keys")
    func inheritance() throws {
        let configuration = try configured(
            """
            defaults:
              threshold: 0.7
              source: {transport: tcp, reconnect: {initial: 2s}}
              motion_gate: {area: 0.5}
              outputs: [{json: "{stream}.jsonl"}]
            streams:
            - &first
              name: a
              source: rtsp://one/
              motion_gate: true
            - <<: *first
              name: b
              threshold:
              source: {url: rtsp://two/, transport: udp, reconnect: {maximum: 9s}}
              motion_gate: false
              outputs: []
            """)
        let (first, second) = (configuration.streams[0], configuration.streams[1])
        #expect(first.threshold == 0.7 && first.tracker.newTrackThreshold == 0.7)
        #expect(first.source.url == "rtsp://one/" && first.source.transport == .tcp)
        #expect(first.motionGate == .init(area: 0.5))
        #expect(first.outputs == [.json(.init(path: "/nowhere/a.jsonl"))])
        // A key without a value is the built-in default's again.
        #expect(second.threshold == 0.5)
        #expect(second.source.url == "rtsp://two/" && second.source.transport == .udp)
        #expect(second.source.reconnect.initial == .seconds(2) && second.source.reconnect.maximum == .seconds(9))
        #expect(second.motionGate == nil && second.outputs.isEmpty)
    }

    @Test("streams are equal where they mean the same, wherever they stand")
    func equality() throws {
        let short = try configured("streams: [{name: a, source: test:shapes, classes: [person]}]")
        let long = try configured("\n\nstreams:\n- source: {url: test:shapes}\n  name: a\n  classes:\n    - person\n")
        #expect(short == long && short.streams == long.streams)
        let other = try configured("streams: [{name: a, source: test:shapes, classes: [car]}]")
        #expect(short.streams != other.streams)
    }

    @Test("flags go over the environment, that over the file, and the file over the defaults")
    func layers() throws {
        let folder = try TemporaryFolder()
        let model = try folder.write("", to: "m")
        let text =
            "http: localhost:1\nlog: debug\nthreads: 1\nprecision: bf16\nstreams: [{name: a, source: test:shapes}]"
        #expect(try configured(text).http?.port == 1)
        #expect(try configured(text).log.level == .debug)
        let environment = [
            "SEGMENTD_HTTP": "localhost:2", "SEGMENTD_LOG_LEVEL": "error", "SEGMENTD_LOG_FORMAT": "json",
            "SEGMENTD_THREADS": "2", "SEGMENTD_PRECISION": "int8", "SEGMENTD_MODEL": model,
        ]
        let middle = try configured(text, environment: environment)
        #expect(middle.http?.port == 2 && middle.log == .init(level: .error, format: .json))
        #expect(middle.threads == 2 && middle.precision == .int8 && middle.model == model)
        let top = try configured(
            text, environment: environment,
            overrides: .init(http: "off", logLevel: .trace, threads: 3, precision: .fp32))
        #expect(top.http == nil && top.log.level == .trace && top.threads == 3 && top.precision == .fp32)
    }

    @Test("a wrong value in the environment or a flag is told with its name")
    func wrongLayers() {
        let text = "streams: [{name: a, source: test:shapes}]"
        let error = #expect(throws: ConfigurationError.self) {
            try configured(
                text, environment: ["SEGMENTD_THREADS": "many", "SEGMENTD_LOG_LEVEL": "loud"],
                overrides: .init(http: "9470"))
        }
        let messages = error?.issues.map(\.description) ?? []
        #expect(messages.contains { $0.hasPrefix("SEGMENTD_THREADS: is 'many'") })
        #expect(messages.contains { $0.hasPrefix("SEGMENTD_LOG_LEVEL: is 'loud'") })
        #expect(messages.contains { $0.hasPrefix("--http: '9470' is no address") })
    }

    @Test("the file is the one named, else that of SEGMENTD_CONFIG, else the first that is there")
    func fileName() throws {
        let folder = try TemporaryFolder()
        let places = ["\(folder.path)/near", "\(folder.path)/far"]
        func found(_ path: String?, _ variable: String?) -> String {
            let environment = variable.map { ["SEGMENTD_CONFIG": $0] } ?? [:]
            return ServiceConfiguration.path(path, environment: environment, places: places)
        }
        #expect(found("a", "b") == "a")
        #expect(found(nil, "b") == "b")
        #expect(found(nil, "") == places[1] && found(nil, nil) == places[1])
        try folder.write("", to: "near")
        #expect(found(nil, nil) == places[0])
    }

    @Test("a file is read, and relative paths begin in its folder")
    func load() throws {
        let folder = try TemporaryFolder()
        try folder.write("x", to: "model")
        let file = try folder.write("model: model\nstreams: [{name: a, source: test:shapes}]", to: "c.yaml")
        let configuration = try ServiceConfiguration.load(path: file, environment: [:])
        #expect(configuration.model == "\(folder.path)/model")
    }
}
