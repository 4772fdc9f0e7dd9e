import CFFmpeg

/// Audio packets on their way from a source to the writer that copies them.
///
/// The source's thread puts them in while it looks for video, the writer's takes them out. What is inside is bounded by
/// bytes; where the writer does not keep up, the oldest packets are lost and counted.
final class AudioQueue: Sendable {
    /// What a copied stream is.
    struct Stream: @unchecked Sendable {
        // Sendable: read only, and alive as long as the source, which the writer holds.
        let pointer: UnsafeMutablePointer<AVStream>
        let index: Int32
    }

    private struct State {
        var packets: [Packet] = []
        var first = 0
        var bytes = 0
        var lost = 0
        /// Nobody wants packets until a writer does.
        var isWanted = false
    }

    private let state = Locked(State())

    /// Some 15 minutes of compressed stereo.
    private static let byteLimit = 16 << 20

    /// Packets that made room for newer ones.
    var lost: Int { state.withLock { $0.lost } }

    func want() { state.withLock { $0.isWanted = true } }

    func append(_ packet: UnsafeMutablePointer<AVPacket>) throws {
        guard state.withLock({ $0.isWanted }) else { return }
        let copy = try Packet()
        av_packet_move_ref(copy.pointer, packet)
        state.withLock { state in
            state.packets.append(copy)
            state.bytes += Int(copy.pointer.pointee.size)
            while state.bytes > Self.byteLimit && state.packets.count - state.first > 1 {
                state.bytes -= Int(state.packets[state.first].pointer.pointee.size)
                state.first += 1
                state.lost += 1
            }
            if state.first > 256 {
                state.packets.removeFirst(state.first)
                state.first = 0
            }
        }
    }

    /// Takes everything that is there.
    func takeAll() -> [Packet] {
        state.withLock { state in
            let packets = Array(state.packets[state.first...])
            state.packets.removeAll(keepingCapacity: true)
            (state.first, state.bytes) = (0, 0)
            return packets
        }
    }
}
