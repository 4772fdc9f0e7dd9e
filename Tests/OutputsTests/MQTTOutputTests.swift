import Foundation
import Instances
import Testing

@testable import Outputs

@Suite("Records over MQTT", .timeLimit(.minutes(2)))
struct MQTTOutputTests {
    let broker: FakeBroker
    let log = EventLog()

    init() throws { broker = try FakeBroker() }

    private func output(_ change: (inout MQTTOptions) -> Void = { _ in }) throws -> MQTTOutput {
        var options = MQTTOptions(host: "127.0.0.1", port: broker.port, stream: "door")
        change(&options)
        return try MQTTOutput(stream: "door", options: options) { [log] in log.append($0) }
    }

    /// The numbers of the frames that the broker got, without what came twice.
    private func frames() throws -> [Int] {
        var seen = Set<String>()
        return try broker.payloads("segmentd/door/frames").filter { seen.insert($0).inserted }
            .map(LineClient.fields).compactMap { $0["type"] as? String == "frame" ? $0["frame"] as? Int : nil }
    }

    @Test("frames, events, hello, state and availability have topics of their own")
    func topics() throws {
        let output = try output()
        output.publish(EncodedRecord(.hello(Sample.hello("door"))))
        output.publish(Sample.frame(0))
        output.publish(Sample.event(0))
        output.publish(EncodedRecord(.gap(.init(stream: "door", frames: 2, events: 1, reason: "test"))))
        output.publish(Sample.end())
        output.finish(within: .seconds(60))
        let base = "segmentd/door"
        #expect(broker.payloads("\(base)/status") == ["online", "offline"])
        #expect(broker.payloads("\(base)/hello") == [EncodedRecord(.hello(Sample.hello("door"))).record.jsonLine()])
        #expect(
            try broker.payloads("\(base)/frames").map { try LineClient.fields($0)["type"] as? String } == [
                "frame", "gap",
            ])
        #expect(
            try broker.payloads("\(base)/events").map { try LineClient.fields($0)["type"] as? String }
                == ["event", "gap", "end"])
        for message in broker.messages {
            let isRetained = ["status", "hello", "state"].contains { message.topic == "\(base)/\($0)" }
            #expect(message.isRetained == isRetained, "\(message.topic)")
        }
        // In order, so that the will is not published.
        #expect(broker.goodbyes == 1)
        #expect(output.status.state == .failed && output.status.recordsDropped == 0)
    }

    @Test("the broker is told who comes, by which password, and what to publish when it vanishes")
    func greeting() throws {
        let output = try output {
            $0.clientID = "camera"
            $0.username = "me"
            $0.password = "secret"
        }
        expectEventually("it connects") { output.status.clients == 1 }
        #expect(
            broker.greetings == [
                FakeBroker.Greeting(
                    clientID: "camera", isCleanSession: false, willTopic: "segmentd/door/status",
                    willPayload: "offline", username: "me", password: "secret")
            ])
        #expect(!log.events.contains { $0.description.contains("secret") })
    }

    @Test("every record arrives through a broker that is killed and comes back, also what it had not confirmed")
    func brokerRestart() throws {
        let output = try output()
        expectEventually("it connects") { output.status.state == .running }
        for number in 0..<50 { output.publish(Sample.frame(number)) }
        try expectEventually("they arrive") { try frames().count == 50 }
        broker.setConfirms(false)
        for number in 50..<80 { output.publish(Sample.frame(number)) }
        try expectEventually("they arrive") { try frames().count == 80 }
        broker.stop()
        expectEventually("the loss is noticed") { output.status.state == .waiting && log.count(.failed) == 1 }
        for number in 80..<300 { output.publish(Sample.frame(number)) }
        broker.setConfirms(true)
        try broker.start()
        expectEventually("it connects again") { log.count(.recovered) == 1 }
        output.finish(within: .seconds(60))
        #expect(try frames() == Array(0..<300))
        // What was not confirmed came a second time.
        #expect(broker.messages.filter(\.isDuplicate).count >= 30)
        #expect(output.status.recordsWritten == 300 && output.status.recordsDropped == 0)
        #expect(output.status.connections == 2)
    }

    @Test("a broker that is away costs a bounded queue, and a gap says what was lost")
    func brokerAway() throws {
        broker.stop()
        let output = try output { $0.queue = QueueLimit(records: 10, bytes: 1 << 20) }
        for number in 0..<100 { output.publish(Sample.frame(number)) }
        expectEventually("the fault is told") { log.count(.failed) == 1 }
        #expect(output.status.queueDepth == 10 && output.status.recordsDropped == 90)
        try broker.start()
        output.finish(within: .seconds(60))
        #expect(try frames() == Array(90..<100))
        let gaps = try broker.payloads("segmentd/door/frames").map(LineClient.fields)
            .filter { $0["type"] as? String == "gap" }
        #expect(gaps.compactMap { $0["frames"] as? Int } == [90])
    }

    @Test("only so much is sent without being confirmed")
    func inFlight() throws {
        broker.setConfirms(false)
        let output = try output { $0.maxInFlight = 5 }
        for number in 0..<100 { output.publish(Sample.frame(number)) }
        try expectEventually("some arrive") { try !frames().isEmpty }
        output.finish(within: .milliseconds(200))
        // Beside the records, the availability is told, once or twice.
        #expect(broker.mostUnconfirmed <= 7)
        #expect(output.status.recordsDropped == 100 && output.status.recordsWritten == 0)
    }

    @Test("state says what is there, and changes only when that does")
    func state() throws {
        let output = try output()
        expectEventually("an empty state comes first") { broker.payloads("segmentd/door/state").count == 1 }
        output.publish(Sample.frame(1, padding: 4))
        output.publish(Sample.frame(2, padding: 4))
        expectEventually("the object is in it") { broker.payloads("segmentd/door/state").count == 2 }
        let fields = try LineClient.fields(#require(broker.payloads("segmentd/door/state").last))
        #expect(fields["objects"] as? [String: Int] == ["xxxx": 1])
        let tracks = try #require(fields["tracks"] as? [[String: Any]])
        #expect(tracks.count == 1 && tracks[0]["track_id"] as? Int == 1)
        for number in 3..<20 { output.publish(Sample.frame(number, padding: 4)) }
        output.publish(Sample.end())
        output.finish(within: .seconds(60))
        let states = broker.payloads("segmentd/door/state")
        #expect(states.count == 3)
        #expect(try LineClient.fields(#require(states.last))["objects"] as? [String: Int] == [:])
    }

    @Test("a broker that turns the client away is asked again, and its reason is told once")
    func refused() throws {
        broker.setAnswer(5)
        let output = try output()
        expectEventually("it is asked again") { broker.greetings.count >= 2 }
        #expect(log.count(.failed) == 1)
        #expect(output.status.lastError?.contains("not authorised") == true)
        broker.setAnswer(0)
        expectEventually("it connects") { output.status.state == .running }
    }

    @Test("a broker that never answers does not keep the output from ending")
    func silence() throws {
        broker.setAnswer(nil)
        let output = try output()
        expectEventually("it is asked") { broker.greetings.count == 1 }
        output.publish(Sample.frame(0))
        output.finish(within: .milliseconds(100))
        expectEventually("it has ended") { log.count(.closed) == 1 }
        #expect(output.status.recordsDropped == 1)
    }

    @Test("quality 0 does not wait for what is never confirmed")
    func atMostOnce() throws {
        broker.setConfirms(false)
        let output = try output {
            $0.qualityOfService = 0
            $0.maxInFlight = 2
        }
        for number in 0..<50 { output.publish(Sample.frame(number)) }
        try expectEventually("they arrive") { try frames() == Array(0..<50) }
    }

    @Test("options that cannot be are refused in words")
    func options() throws {
        let changes: [(String, (inout MQTTOptions) -> Void)] = [
            ("host", { $0.host = "" }), ("port", { $0.port = 0 }), ("topic", { $0.topic = "a/#" }),
            ("topic", { $0.topic = "" }), ("client_id", { $0.clientID = "" }), ("qos", { $0.qualityOfService = 3 }),
            ("keepalive", { $0.keepAlive = .seconds(1) }), ("max_in_flight", { $0.maxInFlight = 0 }),
            ("password", { $0.password = "secret" }),
            (
                "tls ca",
                {
                    $0.tls = MQTTOptions.TLS()
                    $0.tls?.caFile = "/none.pem"
                }
            ),
            (
                "tls",
                {
                    $0.tls = MQTTOptions.TLS()
                    $0.tls?.key = "/dev/null"
                }
            ),
        ]
        for (option, change) in changes {
            var thrown: OutputError?
            do { _ = try output(change) } catch { thrown = error as? OutputError }
            guard case .wrongOption(option, _)? = thrown else {
                Issue.record("\(option) is taken")
                continue
            }
            #expect(thrown?.description.contains("secret") == false)
        }
        #expect(MQTTOptions(host: "h", stream: "a/b+c#").topic == "segmentd/a_b_c_")
        #expect(MQTTOptions(host: "h", stream: "a", tls: .init()).port == 8883)
    }
}
