import CFFmpeg
import Instances
import Testing

@testable import Video

@Suite("Broadcasts")
struct BroadcastTests {
    let folder: Folder

    init() throws { folder = try Folder() }

    /// Real packets, a keyframe every five.
    private func packets(_ count: Int) throws -> [EncodedPacket] {
        let encoder = try BroadcastEncoder(
            .init(preset: "ultrafast", keyframeInterval: .milliseconds(500)), targets: [], label: "test")
        var packets: [EncodedPacket] = []
        for number in 0..<count {
            try encoder.encode(try picture(number), capturedAt: midday) { packets.append($0) }
        }
        try encoder.finish { packets.append($0) }
        return packets
    }

    private func times(_ queue: PacketQueue) -> [Int64] {
        queue.finish()
        var times: [Int64] = []
        while let packet = queue.pop() { times.append(packet.pts / 9000) }
        return times
    }

    @Test("a picture comes out when it has gone in, with a keyframe at every interval")
    func encoder() throws {
        let packets = try packets(20)
        #expect(packets.map(\.pts) == (0..<20).map { $0 * 9000 })
        #expect(packets.enumerated().filter { $0.element.isKey }.map(\.offset) == [0, 5, 10, 15])
        let encoder = try BroadcastEncoder(.init(preset: "ultrafast"), targets: [], label: "test")
        var count = 0
        try encoder.encode(try picture(0), capturedAt: midday) { _ in count += 1 }
        #expect(count == 1)
    }

    @Test("a time that cannot be stated is an error, and the next picture goes on")
    func badTimes() throws {
        let encoder = try BroadcastEncoder(.init(preset: "ultrafast"), targets: [], label: "test")
        let times = [
            Timestamp(value: .max, timeBase: Rational(1, 1)), Timestamp(value: .min, timeBase: Rational(1, 90_000)),
            Timestamp(value: 1, timeBase: Rational(0, 1)), Timestamp(value: 1, timeBase: Rational(1, -5)),
        ]
        for time in times {
            let bad = try picture(1, at: time)
            #expect(throws: VideoError.self) { try encoder.encode(bad, capturedAt: midday) { _ in } }
        }
        var count = 0
        try encoder.encode(try picture(2), capturedAt: WallClock(seconds: .nan)) { _ in count += 1 }
        #expect(count == 1)
    }

    @Test("a full queue drops what comes up to the next keyframe")
    func skipping() throws {
        let queue = PacketQueue(limits: .init(packets: 7, size: 1 << 20))
        let packets = try packets(20)
        for packet in packets[..<8] { queue.push(packet) }
        #expect((queue.depth, queue.dropped) == (7, 1))
        for _ in 0..<3 { _ = queue.pop() }
        for packet in packets[8...] { queue.push(packet) }
        // 3 to 6 were inside; 8 and 9 would have had room, but nothing to refer to; of the rest, three found room.
        #expect(times(queue) == [3, 4, 5, 6, 10, 11, 12])
        #expect(queue.dropped == 10)
    }

    @Test("a full queue of a viewer forgets the past")
    func newest() throws {
        let queue = PacketQueue(limits: .init(packets: 7, size: 1 << 20, prefersNewest: true))
        for packet in try packets(20) { queue.push(packet) }
        #expect(times(queue) == [15, 16, 17, 18, 19])
        #expect(queue.dropped == 15)
    }

    @Test("bytes are bounded as well")
    func bytes() throws {
        let packets = try packets(10)
        let queue = PacketQueue(limits: .init(packets: 100, size: packets[0].size))
        for packet in packets { queue.push(packet) }
        #expect(times(queue) == [0])
    }

    @Test("pictures that find the queue full push the oldest out")
    func pictures() throws {
        let queue = PictureQueue(.init(policy: .newestWins, pictures: 3))
        for number in 0..<5 { queue.push(try picture(number), capturedAt: midday) }
        #expect((queue.depth, queue.dropped) == (3, 2))
        queue.finish()
        #expect(queue.pop()?.picture.timestamp.value == 2)
    }

    @Test("without a target pictures are encoded all the same, and an end without a picture is an end")
    func noTargets() throws {
        let first = try broadcast([])
        try first.write(0..<5, from: midday)
        #expect(first.finish(within: .seconds(60)) == [])
        #expect(first.status.picturesEncoded == 5)
        let second = try broadcast([.record(.init(directory: folder("videos"))), .hls(.init(directory: folder("hls")))])
        #expect(second.finish(within: .seconds(60)) == [])
        #expect(second.status.targets.map(\.state) == [.ended, .ended])
        #expect(try folder.names == [])
    }

    @Test("options that cannot work are refused at once")
    func refusals() {
        func refuse(_ options: VideoBroadcast.Options, _ targets: [VideoBroadcast.Target] = []) {
            #expect(throws: VideoError.self) { try VideoBroadcast(stream: "door", options: options, targets: targets) }
        }
        refuse(.init(codec: "vp9"))
        refuse(.init(codec: "nonsense"))
        refuse(.init(quality: 99))
        refuse(.init(preset: "quickest"))
        refuse(.init(), [.record(.init(directory: ""))])
        refuse(.init(), [.record(.init(directory: "a", segment: .milliseconds(10)))])
        refuse(.init(), [.record(.init(directory: "a", maxSize: -1))])
        refuse(.init(), [.hls(.init(directory: "a%d"))])
        refuse(.init(), [.hls(.init(directory: "a", window: 1))])
    }

    @Test(
        "a still is the picture, smaller, and the picture stays as it was",
        arguments: [(160, 64), (161, 65), (800, 400)])
    func still(_ width: Int, _ height: Int) throws {
        let picture = try picture(0b1010011, width: width, height: height)
        func luma() -> [UInt8] {
            picture.withCanvas { canvas in
                (0..<height).flatMap { y in (0..<width).map { canvas.luma[y * canvas.lumaStride + $0] } }
            }
        }
        let before = luma()
        let encoder = SnapshotEncoder()
        for maxWidth in [80, 80, 100_000] {
            try folder.write(try encoder.jpeg(of: picture, maxWidth: maxWidth), to: "a.jpg")
            let still = try #require(try frames(folder("a.jpg")).first)
            #expect(still.width == min(width, maxWidth))
            #expect(abs(still.height - height * still.width / width) <= 1)
            #expect(try number(still) == 0b1010011)
        }
        #expect(luma() == before)
    }
}
