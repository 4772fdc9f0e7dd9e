import Testing

@testable import Tracking

@Suite("The motion gate")
struct MotionGateTests {
    private let width = MotionGate.width
    private let height = MotionGate.height

    /// A textured plane of luma with noise of about the given deviation and a bright square.
    private func plane(
        seed: UInt64, noise: Int = 0, brightness: Int = 0, square: (x: Double, y: Double, side: Double)? = nil,
        contrast: Int = 80
    ) -> [UInt8] {
        var random = SplitMix(seed: seed)
        var samples: [UInt8] = []
        samples.reserveCapacity(width * height)
        for y in 0..<height {
            for x in 0..<width {
                var value = 60 + (x * 7 + y * 13) % 50 + brightness
                if let square {
                    let covered =
                        max(0, min(Double(x + 1), square.x + square.side) - max(Double(x), square.x))
                        * max(0, min(Double(y + 1), square.y + square.side) - max(Double(y), square.y))
                    value += Int(covered * Double(contrast))
                }
                if noise > 0 {
                    // The sum of three is close to a normal distribution.
                    let sum = (0..<3).reduce(0) { sum, _ in sum + Int(random.next() % UInt64(2 * noise + 1)) - noise }
                    value += sum
                }
                samples.append(UInt8(max(0, min(255, value))))
            }
        }
        return samples
    }

    private func decisions(_ planes: [[UInt8]], interval: Double = 1.0 / 25) -> [MotionGate.Decision] {
        var gate = MotionGate()
        return planes.enumerated().map { index, plane in
            gate.admits(plane, width: width, height: height, at: Double(index) * interval)
        }
    }

    @Test("rests in a still scene with a sensor's noise, and looks again now and then", arguments: [0, 1, 3, 6])
    func still(noise: Int) {
        let decisions = decisions((0..<1000).map { plane(seed: UInt64($0), noise: noise) })
        #expect(decisions.first == .infer(.first))
        let looks = decisions.filter { $0 != .skip }.count
        // The first second, and one frame every ten seconds of forty.
        #expect((28...32).contains(looks), "\(looks) looks")
        #expect(decisions.filter { $0 == .infer(.refresh) }.count == 3)
    }

    @Test("sees an object of a hundredth of the picture's width at once")
    func small() {
        let planes = (0..<100).map { frame in
            plane(seed: UInt64(frame), noise: 1, square: (x: 20 + Double(frame), y: 40, side: 1.6))
        }
        #expect(decisions(planes).allSatisfy { $0 != .skip })
    }

    @Test("sees what moves slowly as soon as it has moved by a part of a sample")
    func slow() {
        let planes = (0..<500).map { frame in
            plane(seed: UInt64(frame), noise: 1, square: (x: 20 + Double(frame) * 0.02, y: 40, side: 8))
        }
        let decisions = decisions(planes)
        let motion = decisions.indices.filter { decisions[$0] == .infer(.motion) }
        #expect(motion.count >= 8, "\(motion)")
        #expect(zip(motion, motion.dropFirst()).allSatisfy { $1 - $0 < 60 })
    }

    @Test("takes no brightening of the whole picture for motion")
    func brightness() {
        let planes = (0..<200).map { plane(seed: UInt64($0), noise: 1, brightness: min(60, $0 / 2)) }
        #expect(!decisions(planes).contains(.infer(.motion)))
    }

    @Test("goes on looking for a while after the last motion")
    func settling() {
        let planes = (0..<100).map { frame in
            plane(seed: 1, square: (x: 20 + Double(min(frame, 50)), y: 40, side: 8))
        }
        let decisions = decisions(planes)
        #expect(decisions[50] == .infer(.motion))
        #expect(decisions[51...75].allSatisfy { $0 == .infer(.settling) })
        #expect(decisions[77...].allSatisfy { $0 == .skip })
    }

    @Test("looks where the picture's size changes, or time goes back")
    func changes() {
        var gate = MotionGate()
        let small = [UInt8](repeating: 9, count: 64)
        #expect(gate.admits(small, width: 8, height: 8, at: 5) == .infer(.first))
        #expect(gate.admits(small, width: 8, height: 8, at: 7) == .skip)
        #expect(gate.admits(small, width: 16, height: 4, at: 8) == .infer(.size))
        #expect(gate.admits(small, width: 16, height: 4, at: 20) == .infer(.refresh))
        #expect(gate.admits(small, width: 16, height: 4, at: 0) == .infer(.refresh))
    }
}
