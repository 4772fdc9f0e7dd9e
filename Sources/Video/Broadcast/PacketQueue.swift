import Locks

/// The packets that a target has not taken yet, bounded in number and bytes.
///
/// What does not fit is dropped, and everything behind it up to the next keyframe, since no decoder could do without it.
final class PacketQueue: Sendable {
    /// How much waits, and what happens to more.
    struct Limits: Sendable {
        var packets: Int
        /// Bytes.
        var size: Int
        /// Whether the writer waits for room instead.
        var isBlocking = false
        /// Whether what waits is dropped too where it is full: for viewers, who want the present.
        var prefersNewest = false
    }

    private struct State {
        var packets: [EncodedPacket] = []
        var size = 0
        var dropped = 0
        var isSkipping = false
        var isFinished = false
        /// Nobody will take anything any more.
        var isCancelled = false
        /// Whether the target is only waiting for its next attempt.
        var isIdle = false

        /// Takes out what waits before the last keyframe, or everything where that is a keyframe itself or there is no later one.
        mutating func dropPast(_ packet: EncodedPacket) -> [EncodedPacket] {
            var count = packets.count
            if !packet.isKey, let key = packets.lastIndex(where: \.isKey), key > 0 { count = key }
            let past = Array(packets[..<count])
            packets.removeFirst(count)
            size -= past.reduce(0) { $0 + $1.size }
            dropped += count
            return past
        }
    }

    private let limits: Limits
    private let monitor = Monitor(State())

    init(limits: Limits) { self.limits = limits }

    var depth: Int { monitor.withLock { $0.packets.count } }
    /// Packets that found no room.
    var dropped: Int { monitor.withLock { $0.dropped } }

    private func hasRoom(_ state: State, _ packet: EncodedPacket) -> Bool {
        // A single packet always fits, however large.
        state.packets.isEmpty || state.packets.count < limits.packets && state.size + packet.size <= limits.size
    }

    func push(_ packet: EncodedPacket) {
        // What is dropped is released after the lock.
        let _: [EncodedPacket] = monitor.update(when: { state in
            !limits.isBlocking || state.isCancelled || state.isIdle || hasRoom(state, packet)
        }) { state in
            guard !state.isFinished && !state.isCancelled else { return [] }
            var released: [EncodedPacket] = []
            if state.isSkipping && !packet.isKey {
                state.dropped += 1
                return []
            }
            if !hasRoom(state, packet) && limits.prefersNewest { released = state.dropPast(packet) }
            if !hasRoom(state, packet) || state.packets.isEmpty && !packet.isKey && !released.isEmpty {
                state.isSkipping = true
                state.dropped += 1
                return released
            }
            state.isSkipping = false
            state.packets.append(packet)
            state.size += packet.size
            return released
        }
    }

    /// Takes the oldest packet; waits for one. Nil where no more will come.
    func pop() -> EncodedPacket? {
        monitor.update(when: { !$0.packets.isEmpty || $0.isFinished || $0.isCancelled }) { state in
            guard !state.packets.isEmpty else { return nil }
            let packet = state.packets.removeFirst()
            state.size -= packet.size
            return packet
        }
    }

    /// Says whether the target waits for its next attempt, so that nobody has to wait for it.
    func setIdle(_ isIdle: Bool) { monitor.update { $0.isIdle = isIdle } }

    /// Closes the entrance; what is inside can still be taken.
    func finish() { monitor.update { $0.isFinished = true } }

    /// Closes both ends.
    func cancel() {
        let _: [EncodedPacket] = monitor.update { state in
            state.isCancelled = true
            state.size = 0
            defer { state.packets = [] }
            return state.packets
        }
    }
}
