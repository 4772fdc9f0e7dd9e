import Locks
import Glibc
import Instances
import Pipeline
import Video

/// The thread behind an `MQTTOutput`.
// Sendable: what is not behind a lock or immutable is touched by the thread of `run()` only, after the initialiser.
final class MQTTPublisher: @unchecked Sendable {
    /// What others may ask for, or set.
    private struct Shared {
        var status = OutputStatus(state: .waiting)
        var state: MQTTState
        var hello: EncodedRecord?
        /// Whether `hello` has not been published yet.
        var isHelloNew = false
    }

    private let name: String
    private let options: MQTTOptions
    private let onEvent: @Sendable (OutputEvent) -> Void
    private let queue: RecordQueue
    private let wakeup: Wakeup
    private let shared: Monitor<Shared>
    private let client: MQTTClient
    private let backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(30), jitter: 0.5)
    private var generator = SystemRandomNumberGenerator()

    private var isOpen = false
    /// Whether the broker has accepted the connection that is open.
    private var isAccepted = false
    /// When to try again, or to give up waiting for the broker's answer.
    private var retryAt = ContinuousClock.now
    private var answerBy = ContinuousClock.now
    private var failures = 0
    private var lastMessage: String?
    /// Messages that the broker has not confirmed, with their records.
    private var inFlight: [Int32: EncodedRecord?] = [:]
    private var publishedState: MQTTState?
    private var stateDue = ContinuousClock.now
    /// The identifier of the last message, `offline`.
    private var farewell: Int32?

    init(
        name: String, stream: String, options: MQTTOptions, onEvent: @escaping @Sendable (OutputEvent) -> Void
    ) throws {
        self.name = name
        self.options = options
        self.onEvent = onEvent
        queue = RecordQueue(limit: options.queue, reason: "broker away or slow")
        wakeup = try Wakeup(for: name)
        shared = Monitor(Shared(state: MQTTState(stream: stream)))
        client = try MQTTClient(options: options, will: Self.availability("offline", options))
    }

    // MARK: From any thread

    func publish(_ record: EncodedRecord) {
        switch record.record {
        case .hello:
            shared.withLock { shared in
                shared.hello = record
                shared.isHelloNew = true
            }
        case .frame(let frame):
            shared.withLock { $0.state.frame = frame }
            queue.publish(record)
        case .end:
            shared.withLock { $0.state.frame = nil }
            queue.publish(record)
        case .event, .gap, .error: queue.publish(record)
        }
        wakeup.signal()
    }

    func stop(at deadline: ContinuousClock.Instant) {
        queue.finish(by: deadline)
        wakeup.signal()
    }

    var status: OutputStatus {
        var status = shared.withLock { $0.status }
        status.queueDepth += queue.count
        status.recordsDropped = queue.dropped
        return status
    }

    // MARK: On the thread

    func run() {
        while true {
            let deadline = queue.deadline
            if let deadline, deadline <= .now || isDone { break }
            do {
                if !isOpen && retryAt <= .now { try open() }
                if isAccepted { try send(isEnding: deadline != nil) }
                try client.serve(wakeup: wakeup.descriptor, milliseconds: milliseconds(until: deadline))
                wakeup.clear()
                settle()
                if isOpen && client.isConnected && !isAccepted { accept() }
                if isOpen && !isAccepted && answerBy <= .now {
                    throw MQTTClient.Failure(description: "the broker does not answer")
                }
            } catch {
                fail("\(error)", isEnding: deadline != nil)
            }
        }
        end()
    }

    private func open() throws {
        isOpen = true
        // What is not confirmed now will have to be sent again, but the lowest quality has no confirmations.
        if options.qualityOfService == 0 { settleUnconfirmed() }
        answerBy = .now + .seconds(30)
        try client.connect()
        answerBy = .now + .seconds(30)
    }

    private func accept() {
        isAccepted = true
        failures = 0
        publishedState = nil
        stateDue = .now
        farewell = nil
        shared.withLock { shared in
            shared.status.state = .running
            shared.status.clients = 1
            shared.status.connections += 1
            shared.isHelloNew = shared.hello != nil
        }
        tell(lastMessage == nil ? .connected : .recovered, "connected to the broker")
        lastMessage = nil
        _ = try? client.publish(Self.availability("online", options), qualityOfService: 1)
    }

    /// Publishes as much as may be in flight.
    private func send(isEnding: Bool) throws {
        if let hello = shared.withLock({ shared in
            defer { shared.isHelloNew = false }
            return shared.isHelloNew ? shared.hello : nil
        }) {
            publish(hello, to: "hello", isRetained: true)
        }
        while true {
            // Messages without confirmation are done when they are written, which may have been at once.
            settle()
            guard inFlight.count < options.maxInFlight, let record = queue.take(records: 1, bytes: .max).first else {
                break
            }
            switch record.record {
            case .frame: publish(record, to: "frames")
            case .gap(let gap):
                if gap.frames > 0 { publish(record, to: "frames") }
                if gap.events > 0 { publish(record, to: "events") }
            case .hello, .event, .error, .end: publish(record, to: "events")
            }
        }
        publishState(isEnding: isEnding)
        shared.withLock { $0.status.queueDepth = inFlight.count }
        if isEnding && queue.isEmpty && inFlight.isEmpty && farewell == nil {
            farewell = try client.publish(Self.availability("offline", options), qualityOfService: 1)
        }
    }

    private func publish(_ record: EncodedRecord, to level: String, isRetained: Bool = false) {
        // Without the line's end: a message has one by itself.
        let message = MQTTClient.Message(
            topic: "\(options.topic)/\(level)", payload: record.line.dropLast(), isRetained: isRetained)
        do {
            let identifier = try client.publish(message, qualityOfService: options.qualityOfService)
            inFlight[identifier] = .some(record)
        } catch {
            queue.lose([record])
            tell(.lost, "a record of \(record.line.count) bytes was not taken: \(error)")
        }
    }

    private func publishState(isEnding: Bool) {
        guard stateDue <= .now || isEnding else { return }
        let state = shared.withLock { $0.state }
        guard publishedState.map({ !$0.isLike(state) }) ?? true else { return }
        let message = MQTTClient.Message(
            topic: "\(options.topic)/state", payload: ArraySlice(Array(state.json().utf8)), isRetained: true)
        if let identifier = try? client.publish(message, qualityOfService: min(1, options.qualityOfService)) {
            inFlight.updateValue(nil, forKey: identifier)
        }
        publishedState = state
        stateDue = .now + .seconds(1)
    }

    /// Strikes off what the broker has confirmed.
    private func settle() {
        let confirmed = client.confirmed
        guard !confirmed.isEmpty else { return }
        client.confirmed = []
        var written = 0
        for identifier in confirmed {
            if let record = inFlight.removeValue(forKey: identifier), record != nil { written += 1 }
            if identifier == farewell { hasLeft = true }
        }
        shared.withLock { shared in
            shared.status.recordsWritten += written
            shared.status.queueDepth = inFlight.count
        }
    }

    /// Counts what was sent and never will be confirmed as lost.
    private func settleUnconfirmed() {
        queue.lose(inFlight.values.compactMap { $0 })
        inFlight = [:]
    }

    private var hasLeft = false

    private var isDone: Bool { hasLeft && queue.isEmpty && inFlight.isEmpty }

    private func fail(_ message: String, isEnding: Bool) {
        (isOpen, isAccepted) = (false, false)
        failures += 1
        let wait = backoff.delay(afterFailures: failures, using: &generator)
        // At the end there is not much time left to try in.
        retryAt = .now + (isEnding ? min(wait, .milliseconds(200)) : wait)
        shared.withLock { shared in
            shared.status.state = .waiting
            shared.status.clients = 0
            shared.status.lastError = message
        }
        if message != lastMessage { tell(.failed, "\(message); trying again until it works") }
        lastMessage = message
    }

    private func end() {
        // Where the broker could not be told, the connection is cut instead, and it publishes the will.
        let isTold =
            hasLeft
            || isAccepted && (try? client.publish(Self.availability("offline", options), qualityOfService: 1)) != nil
        if isTold && isAccepted { client.disconnect() }
        settleUnconfirmed()
        queue.finish(by: .now)
        queue.dropAll()
        shared.withLock { shared in
            shared.status.state = .failed
            shared.status.clients = 0
            shared.status.queueDepth = 0
        }
        let lost = queue.dropped
        tell(.closed, lost == 0 ? "closed" : "closed; \(lost) records were lost in all")
    }

    private func milliseconds(until deadline: ContinuousClock.Instant?) -> CInt {
        var next = ContinuousClock.now + .seconds(1)
        if !isOpen { next = min(next, retryAt) }
        if let deadline { next = min(next, deadline) }
        let (seconds, attoseconds) = (next - .now).components
        return seconds < 0 || attoseconds < 0 ? 0 : CInt(seconds) * 1000 + CInt(attoseconds / 1_000_000_000_000_000) + 1
    }

    private static func availability(_ word: String, _ options: MQTTOptions) -> MQTTClient.Message {
        MQTTClient.Message(
            topic: "\(options.topic)/status", payload: ArraySlice(Array(word.utf8)), isRetained: true)
    }

    private func tell(_ kind: OutputEvent.Kind, _ message: String) {
        onEvent(OutputEvent(output: name, kind: kind, message: message))
    }
}
