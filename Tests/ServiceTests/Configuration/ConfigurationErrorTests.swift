import Configuration
import Foundation
import Testing

@testable import Service

@Suite("What is wrong with a configuration")
struct ConfigurationErrorTests {
    @Test(
        "a fault is told with its line and column, and what is right",
        arguments: [
            ("thresold: 0.5", "4:3: unknown key 'thresold' in stream; did you mean 'threshold'?"),
            ("max-fps: 5", "4:3: unknown key 'max-fps' in stream; did you mean 'max_fps'?"),
            ("tresholds_for_all: 1", "4:3: unknown key 'tresholds_for_all' in stream; known are name, source,"),
            ("threshold: 1.5", "4:14: threshold is '1.5'; it must be a number from 0 to 1"),
            ("threshold: nan", "4:14: threshold is 'nan'; it must be a number"),
            ("threshold: 0x1", "4:14: threshold is '0x1'; it must be a number"),
            ("threshold: \"0.5\"", "4:14: threshold is text; leave the quotes out"),
            ("threshold: [0.5]", "4:14: threshold must be one value, and is a list"),
            ("classes: person", "4:12: classes must be a list, such as [person, car]"),
            ("classes: [a, b, a]", "4:19: classes names 'a' twice"),
            ("classes: []", "4:12: classes is an empty list; leave the key out for all"),
            (
                "policy: latncy",
                "4:11: policy is 'latncy'; it must be one of latency, every-frame; did you mean 'latency'?"
            ),
            ("frames: maybe", "4:11: frames is 'maybe'; it must be true or false"),
            ("max_fps: 0", "4:12: max_fps is '0'; it must be a number from 0.001 to 1000"),
            (
                "motion_gate: {refresh: 10}",
                "4:26: refresh is '10', which lacks its unit; write 10s, or another of ms, m, h and d"
            ),
            (
                "motion_gate: {refresh: soon}",
                "4:26: refresh is 'soon', which is no duration such as 500ms, 10s, 5m, 1h or 7d"
            ),
            ("motion_gate: {refresh: 1ms}", "4:26: refresh is '1ms'; it must be from 100ms to 1d"),
            ("motion_gate: 5", "4:16: motion_gate must be a mapping"),
            ("tracker: {track_low_thresh: 0.9}", "4:31: track_low_thresh (0.9) is above track_high_thresh (0.5)"),
            ("tracker: {track_buffer: 1.5}", "4:27: track_buffer is '1.5'; it must be a whole number from 0 to 100000"),
            ("zones: [{polygon: [[0,0],[1,0],[0,1]]}]", "4:11: a zone needs a name"),
            ("zones: [{name: z}]", "4:11: a zone needs a polygon"),
            ("zones: [{name: z, polygon: [[0,0],[1,0]]}]", "4:30: polygon has 2 corners; it needs at least 3"),
            ("zones: [{name: z, polygon: [[0,0],[0.5,0.5],[1,1]]}]", "4:30: polygon has no area"),
            (
                "zones: [{name: z, polygon: [[0,0],[100,0],[0,1]]}]",
                "4:38: a coordinate is '100'; it must be a number from 0 to 1 as a part of the picture; for pixels, say units: pixels"
            ),
            (
                "zones: [{name: z, polygon: [[0,0],[1],[0,1]]}]",
                "4:37: a point must be two numbers, such as [0.25, 0.5]"
            ),
            ("lines: [{name: l, from: [0,0]}]", "4:11: a line needs to, a point such as [0, 0.5]"),
            ("lines: [{name: l, from: [0,0], to: [0,0]}]", "4:38: the line has no length"),
            (
                "lines:\n- {name: l, from: [0,0], to: [1,1]}\n- {name: l, from: [0,0], to: [1,1]}",
                "6:5: two lines are named 'l'"
            ),
            ("outputs: [sockt: /x]", "4:13: unknown key 'sockt' in output; did you mean 'socket'?"),
            ("outputs: [json]", "4:13: an output must be a mapping with one of the keys socket, json,"),
            (
                "outputs: [{json: x, hls: y}]",
                "4:13: an output has one kind, and this has json and hls; put a - before each"
            ),
            ("outputs: [json: ]", "4:13: json says nothing; write where the output goes"),
            ("outputs: [json: {fsync: always}]", "4:19: json needs a path"),
            (
                "outputs: [json: {path: /x/y, rotate: {size: 100}}]",
                "4:47: size is '100', which lacks its unit; write 100MB"
            ),
            ("outputs: [json: {path: /x/y, rotate: {keep: 2}}]", "4:40: rotate needs size, every or both"),
            (
                "outputs: [json: {path: /x/y, fsync: often}]",
                "4:39: fsync is 'often'; it must be never, always or a duration such as 5s"
            ),
            ("outputs: [json: {path: /x/y, fsync: 5}]", "4:39: fsync is '5', which lacks its unit"),
            ("outputs: [json: /]", "4:19: path: / is a folder; name a file"),
            ("outputs: [json: /dev/null/x]", "4:19: path: /dev/null is not a folder"),
            ("outputs: [hls: /dev/null]", "4:18: directory: /dev/null is not a folder"),
            ("outputs: [socket: {path: /x, mode: 999}]", "4:38: mode is '999'; write permissions as \"0660\""),
            ("outputs: [record: {directory: /x, keep: 1s}]", "4:43: keep is shorter than a segment"),
            ("outputs: [push: http://h/x]", "4:19: the scheme 'http' is not known here"),
            ("outputs: [push: rtps://h/x]", "4:19: the scheme 'rtps' is not known here; did you mean 'rtsp'?"),
            (
                "outputs: [push: {url: 'rtsp://h/x', reconnect: {attempts: 3}}]",
                "4:61: a server is tried for ever; leave attempts out"
            ),
            ("outputs: [push: video.mp4]", "4:19: push needs a URL"),
            ("outputs: [mqtt: {topic: x}]", "4:19: mqtt needs a host"),
            ("outputs: [mqtt: {host: 'mqtt://h'}]", "4:26: host is 'mqtt://h'; write a broker's name or address"),
            ("outputs: [mqtt: {host: h, topic: 'a/#'}]", "4:36: topic is 'a/#'"),
            (
                "outputs: [mqtt: {host: h, port: 70000}]",
                "4:35: port is '70000'; it must be a whole number from 1 to 65535"
            ),
            ("outputs: [mqtt: {host: h, tls: {ca: /no/ca.pem}}]", "4:39: ca: /no/ca.pem: there is no such file"),
            ("outputs: [mqtt: {host: h, password: p}]", "4:39: a password needs a username"),
        ])
    func fault(lines: String, expected: String) {
        let found = complaints(lines)
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test(
        "a fault of the whole or of a source is told with its line",
        arguments: [
            ("", "is empty; name streams in it"), ("# nothing\n", "is empty; name streams in it"),
            ("model: x\n", "1:1: no streams are named"), ("streams: []", "1:10: no streams are named"),
            ("streams: {name: a}", "1:10: streams must be a list"), ("just words", "1:1: service must be a mapping"),
            ("streams: [{source: test:shapes}]", "1:11: a stream needs a name"),
            ("streams: [{name: a}]", "1:11: a stream needs a source"),
            (
                "streams: [{name: a/b, source: test:shapes}]",
                "1:18: name is 'a/b'; it must be 1 to 64 of the characters"
            ),
            ("streams: [{name: .., source: test:shapes}]", "1:18: name is '..'"),
            ("streams: [{name: \(String(repeating: "n", count: 65)), source: test:shapes}]", "1:18: name is 'nnn"),
            (
                "streams:\n- {name: a, source: test:shapes}\n- {name: a, source: test:y}",
                "3:10: another stream, in line 2, is named 'a', too"
            ),
            (
                "streams: [{name: a, source: rtps://cam/}]",
                "1:29: the scheme 'rtps' is not known here; did you mean 'rtsp'?"
            ),
            ("streams: [{name: a, source: 'rtsp:///1'}]", "1:29: the URL names no host"),
            ("streams: [{name: a, source: 'rtsp://cam:0x1/'}]", "1:29: 'rtsp://cam:0x1/' has no host, or a port"),
            ("streams: [{name: a, source: test:shape}]", "1:29: test:shape: there is no pattern 'shape'"),
            ("streams: [{name: a, source: 'test:shapes?size=1'}]", "1:29: test:shapes: size is '1'"),
            ("streams: [{name: a, source: missing.mp4}]", "1:29: /nowhere/missing.mp4: there is no such file"),
            ("streams: [{name: a, source: {transport: tcp}}]", "1:29: source needs a url"),
            ("defaults: {name: x}\nstreams: [{name: a, source: test:shapes}]", "1:18: streams cannot share a name"),
            (
                "defaults: {tracer: {}}\nstreams: [{name: a, source: test:shapes}, {name: b, source: test:shapes}]",
                "1:12: unknown key 'tracer' in stream; did you mean 'tracker'?"
            ),
            (
                "http: 9470\nstreams: [{name: a, source: test:shapes}]",
                "1:7: '9470' is no address to listen on; write HOST:PORT"
            ),
            (
                "http: myhost:9470\nstreams: [{name: a, source: test:shapes}]",
                "1:7: 'myhost' is neither an IP address nor localhost; write 127.0.0.1:9470, or 0.0.0.0:9470"
            ),
            (
                "http: {address: 'locahost:1'}\nstreams: [{name: a, source: test:shapes}]",
                "1:17: 'locahost' is neither an IP address nor localhost; did you mean localhost?"
            ),
            ("http: h:65536\nstreams: [{name: a, source: test:shapes}]", "1:7: 'h:65536' is no address to listen on"),
            (
                "model: no.safetensors\nstreams: [{name: a, source: test:shapes}]",
                "1:8: model: /nowhere/no.safetensors: there is no such file"
            ),
            (
                "stop_timeout: 10\nstreams: [{name: a, source: test:shapes}]",
                "1:15: stop_timeout is '10', which lacks its unit; write 10s"
            ),
            (
                "log: {level: warn}\nstreams: [{name: a, source: test:shapes}]",
                "1:14: level is 'warn'; it must be one of trace, debug, info, notice, warning"
            ),
            ("threads: 1\nthreads: 2\n", "1:1: 'threads' is given twice; leave one out"),
            (
                "streams:\n\t- name: a",
                "2:1: is not YAML: found character that cannot start any token while scanning for the next token; YAML is indented with spaces, and there is a tab"
            ),
            ("streams: [", "2:1: is not YAML: "), ("a: *b", "1:4: is not YAML: found undefined alias"),
            ("? [a]\n: b\n", "1:3: a key must be one word"),
            ("--- {}\n--- {}\n", "2:1: is not YAML: but found another document"),
        ])
    func wholeFault(text: String, expected: String) {
        let found = complaintsOfFile(text)
        #expect(
            found.contains { $0.hasPrefix(expected) },
            "\(found)")
    }

    @Test("all faults are told at once, in the file's order")
    func together() {
        let found = complaintsOfFile(
            """
            thread: 2
            streams:
            - name: a b
              threshold: 7
              source: {url: test:shapes, transport: quic}
            - name: b
              sorce: test:shapes
            """)
        #expect(found.map { $0.prefix(3) } == ["1:1", "3:9", "4:1", "5:4", "6:3", "7:3"], "\(found)")
    }

    @Test("more than 20 faults are counted")
    func many() {
        let lines = (0..<30).map { "- {name: n\($0), source: test:shapes, threshold: 2}\n" }.joined()
        let error = #expect(throws: ConfigurationError.self) { try configured("streams:\n" + lines) }
        #expect(error?.issues.count == 20 && error?.omitted == 10)
        #expect(error?.description.hasSuffix("\nand 10 more") == true)
    }

    @Test(
        "two outputs on one file are refused, and what streams can share is not",
        arguments: [
            ("json: /x/f", "json: /x/y/../f", "two outputs write to /x/f, of the streams a and b"),
            ("hls: /x/f", "hls: /x/f", "two outputs write to /x/f"),
            ("push: rtsp://h/x", "push: rtsp://h/x", "two outputs write to rtsp://h/x"),
            (
                "socket: /x/s", "socket: {path: /x/s, queue: 9}",
                "streams share the socket /x/s, but not all its settings"
            ),
            ("socket: /x/s", "socket: /x/s", nil), ("record: /x", "record: /x", nil), ("mqtt: h", "mqtt: h", nil),
            ("json: '{stream}.jsonl'", "json: '{stream}.jsonl'", nil),
            (
                "mqtt: {host: h, client_id: c}", "mqtt: {host: H, port: 1883, client_id: c}",
                "two outputs have the client_id 'c' at the broker h:1883, of the streams a and b"
            ),
            (
                "mqtt: {host: h, topic: t}", "mqtt: {host: h, topic: t/}",
                "two outputs write to the topic t of the broker h:1883, of the streams a and b"
            ),
            (
                "mqtt: {host: h, client_id: c, topic: t}", "mqtt: {host: h, port: 1, client_id: c, topic: t}", nil
            ),
            ("mqtt: {host: h, client_id: 'c-{stream}'}", "mqtt: {host: h, client_id: 'c-{stream}'}", nil),
        ] as [(String, String, String?)])
    func shared(first: String, second: String, expected: String?) {
        let found = complaintsOfFile(
            "streams:\n- {name: a, source: test:shapes, outputs: [\(first)]}\n- {name: b, source: test:shapes, outputs: [\(second)]}"
        )
        #expect(expected.map { words in found.count == 1 && found[0].contains(words) } ?? found.isEmpty, "\(found)")
    }

    @Test("a stream's outputs to one broker are clients of different names")
    func clientsOfOneStream() {
        let found = complaints("outputs: [mqtt: {host: h, topic: t}, mqtt: {host: h, topic: u}]")
        #expect(found.count == 1 && found[0].hasSuffix("give each a client_id of its own"), "\(found)")
        #expect(
            complaints("outputs: [mqtt: {host: h, topic: t, client_id: c}, mqtt: {host: h, topic: u}]").isEmpty)
    }

    @Test(
        "two streams do not read what only one can",
        arguments: [
            ("'-'", "two streams, a and b, read standard input"),
            ("/dev/video7", "two streams, a and b, read the camera /dev/video7"), ("rtsp://cam/", nil),
            ("test:shapes", nil),
        ] as [(String, String?)])
    func sharedSource(source: String, expected: String?) {
        let found = complaintsOfFile("streams:\n- {name: a, source: \(source)}\n- {name: b, source: \(source)}")
        #expect(
            expected.map { words in found.count == 1 && found[0].hasPrefix("3:3: \(words)") } ?? found.isEmpty,
            "\(found)")
    }

    @Test("one stream has an output only once")
    func twice() {
        let found = complaints("outputs: [record: /x, record: /x]")
        #expect(found.count == 1 && found[0].contains("has the output record /x twice"), "\(found)")
    }

    @Test("a socket's path fits into its address")
    func socketPath() throws {
        let longest = "/" + String(repeating: "s", count: 106)
        #expect(complaints("outputs: [socket: \(longest)]") == [])
        let found = complaints("outputs: [socket: \(longest)s]")
        #expect(found.count == 1 && found[0].contains("path has 108 bytes; a socket's has at most 107"), "\(found)")
    }

    @Test("a file that cannot be read is told in one line")
    func unreadable() throws {
        let folder = try TemporaryFolder()
        func message(_ path: String) -> String? {
            #expect(throws: ConfigurationError.self) {
                try ServiceConfiguration.load(path: path, environment: [:])
            }?.description
        }
        #expect(message("\(folder.path)/no")?.hasSuffix("/no: there is no such file; name one with --config") == true)
        #expect(message(folder.path)?.hasSuffix(": is a folder; name a file") == true)
        #expect(message("/dev/null")?.hasSuffix(": is a pipe or a device; name a file") == true)
        try Data([0x61, 0x0A, 0xFF]).write(to: URL(fileURLWithPath: "\(folder.path)/latin"))
        #expect(message("\(folder.path)/latin")?.hasSuffix("/latin:2: is not UTF-8; save the file as UTF-8") == true)
        try folder.write(String(repeating: "#", count: YAMLDocument.maximumSize + 1), to: "large")
        #expect(message("\(folder.path)/large")?.contains("has 1048577 bytes; a configuration has at most") == true)
    }
}
