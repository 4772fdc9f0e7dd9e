import RandomNumbers
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
        var random = SplitMix64(seed: seed)
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

    /// The frames that are taken for motion.
    private func motions(_ planes: [[UInt8]], interval: Double = 1.0 / 25) -> [Int] {
        let decisions = decisions(planes, interval: interval)
        return decisions.indices.filter { decisions[$0] == .infer(.motion) }
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
        let skipped = decisions(planes).count { $0 == .skip }
        #expect(skipped == 0)
    }

    @Test("sees what moves slowly as soon as it has moved by a part of a sample")
    func slow() {
        let planes = (0..<500).map { frame in
            plane(seed: UInt64(frame), noise: 1, square: (x: 20 + Double(frame) * 0.02, y: 40, side: 8))
        }
        let motion = motions(planes)
        #expect(motion.count >= 8, "\(motion)")
        #expect(zip(motion, motion.dropFirst()).allSatisfy { $1 - $0 < 60 })
    }

    @Test("takes no brightening of the whole picture for motion")
    func brightness() {
        let planes = (0..<200).map { plane(seed: UInt64($0), noise: 1, brightness: min(60, $0 / 2)) }
        #expect(motions(planes) == [])
    }

    @Test("goes on looking for a while after the last motion")
    func settling() {
        let planes = (0..<100).map { frame in
            plane(seed: 1, square: (x: 20 + Double(min(frame, 50)), y: 40, side: 8))
        }
        let decisions = decisions(planes)
        #expect(decisions[50] == .infer(.motion))
        #expect(decisions[51...74].allSatisfy { $0 == .infer(.settling) })
        #expect(decisions[77...].allSatisfy { $0 == .skip })
    }

    @Test("looks where the picture's size changes, and twice after that")
    func changes() {
        var gate = MotionGate()
        let small = [UInt8](repeating: 9, count: 64)
        func decide(_ width: Int, _ seconds: Double) -> MotionGate.Decision {
            gate.admits(small, width: width, height: 64 / width, at: seconds)
        }
        // However long the frames are apart, an object needs two to be known.
        #expect([5, 7, 9, 11].map { decide(8, $0) } == [.infer(.first), .infer(.settling), .infer(.settling), .skip])
        #expect(
            [12, 14, 16, 18].map { decide(16, $0) } == [.infer(.size), .infer(.settling), .infer(.settling), .skip])
        #expect(decide(16, 30) == .infer(.refresh))
    }

    @Test("goes on when time goes back or is none")
    func time() {
        var gate = MotionGate()
        let plane = plane(seed: 3)
        let times = (0..<50).map { Double($0) / 10 } + [0, -7, .nan, .infinity, -.infinity, 1e300, 20]
        let decisions = times.map { gate.admits(plane, width: width, height: height, at: $0) }
        #expect(decisions.dropFirst(12).allSatisfy { $0 == .skip })
        #expect(gate.admits(plane, width: width, height: height, at: 40) == .infer(.refresh))
        // Frames that all have one time.
        let still = (0..<15).map { _ in gate.admits(plane, width: width, height: height, at: 40) }
        #expect(still.filter { $0 == .infer(.refresh) }.count == 1)
    }

    @Test("always looks where planes are too small to compare", arguments: [0, 1, 3])
    func tiny(side: Int) {
        var gate = MotionGate()
        let plane = [UInt8](repeating: 7, count: side * side)
        for second in 0..<5 {
            #expect(gate.admits(plane, width: side, height: side, at: Double(second)) != .skip)
        }
    }

    @Test("looks again after it forgot the scene")
    func forgotten() {
        var gate = MotionGate()
        let plane = plane(seed: 3)
        for frame in 0..<50 { _ = gate.admits(plane, width: width, height: height, at: Double(frame) / 25) }
        #expect(gate.admits(plane, width: width, height: height, at: 3) == .skip)
        gate.reset()
        #expect(gate.admits(plane, width: width, height: height, at: 3.1) == .infer(.first))
    }

    @Test(
        "sees a square of 6 pixels of 640x360, dark or bright, wherever it lies between samples", arguments: [-50, 50])
    func sixPixels(contrast: Int) {
        var random = SplitMix64(seed: 11)
        for _ in 0..<200 {
            var gate = MotionGate()
            let (x, y) = (Double.random(in: 1...150, using: &random), Double.random(in: 1...80, using: &random))
            let empty = plane(seed: random.next(), noise: 1)
            let shown = plane(seed: random.next(), noise: 1, square: (x, y, 1.5), contrast: contrast)
            _ = gate.admits(empty, width: width, height: height, at: 0)
            #expect(gate.admits(shown, width: width, height: height, at: 0.1) == .infer(.motion), "at \(x), \(y)")
            // And that it has gone.
            #expect(gate.admits(empty, width: width, height: height, at: 0.2) == .infer(.motion), "at \(x), \(y)")
        }
    }

    @Test("sees 0.2 pixels of 640x360 a frame within two seconds, again and again")
    func fifthOfAPixel() {
        let planes = (0..<750).map { frame in
            plane(seed: UInt64(frame), noise: 1, square: (x: 20 + Double(frame) * 0.05, y: 40, side: 6), contrast: 40)
        }
        let motion = motions(planes)
        #expect(zip([0] + motion, motion + [750]).allSatisfy { $1 - $0 <= 50 }, "\(motion)")
    }

    @Test("takes a light that is switched on or off for motion")
    func lightSwitch() {
        let planes = (0..<300).map { plane(seed: UInt64($0), noise: 1, brightness: (100..<200).contains($0) ? 70 : 0) }
        #expect(motions(planes) == [100, 200])
    }

    @Test("takes no slow gain for motion, as of dusk or an exposure that adapts")
    func gain() {
        let still = plane(seed: 5)
        let planes = (0..<200).map { frame in
            still.map { UInt8(Double($0) * (1 + 0.2 * Double(frame) / 200)) }
        }
        #expect(motions(planes) == [])
    }

    @Test("takes no lamp for motion that flickers with the mains")
    func flicker() {
        // 50 Hz lamps light up a hundred times a second; thirty frames a second see that as ten swings.
        let swing: [Double] = [0, 0.87, -0.87]
        let planes = (0..<600).map { frame in
            plane(seed: UInt64(frame), noise: 1).map { UInt8(Double($0) * (1 + 0.08 * swing[frame % 3])) }
        }
        #expect(motions(planes, interval: 1.0 / 30) == [])
    }

    @Test("sees a small object leave while the light changes")
    func objectUnderChangingLight() {
        let planes = (0..<100).map { frame in
            plane(
                seed: UInt64(frame), noise: 1, brightness: frame / 4,
                square: frame < 60 ? (x: 90, y: 30, side: 2) : nil, contrast: 60)
        }
        #expect(motions(planes) == [60])
    }

    @Test("sees a bright object leave a plain background, which a gain would explain away")
    func plainBackground() {
        func scene(_ side: Int) -> [UInt8] {
            (0..<(width * height)).map { $0 % width < side && $0 / width < side ? 200 : 50 }
        }
        for side in [2, 5, 20, 60, 85] {
            var gate = MotionGate()
            _ = gate.admits(scene(side), width: width, height: height, at: 0)
            #expect(gate.admits(scene(0), width: width, height: height, at: 0.1) == .infer(.motion), "side \(side)")
        }
    }

    @Test("sees motion that fills the picture, however even it is")
    func pan() {
        let planes = (0..<150).map { frame in
            (0..<(width * height)).map {
                UInt8(40 + ($0 % width + max(0, frame - 50)) * 37 % 23 + ($0 / width) * 11 % 31)
            }
        }
        #expect(motions(planes) == Array(51..<150))
    }

    @Test("sees nothing in a still scene with noise, at any rate", arguments: [5.0, 15, 30, 60])
    func quiet(rate: Double) {
        let planes = (0..<600).map { plane(seed: UInt64($0) &* 7919, noise: 2) }
        let decisions = decisions(planes, interval: 1 / rate)
        #expect(decisions.indices.filter { decisions[$0] == .infer(.motion) } == [])
        let looks = decisions.count { $0 != .skip }
        // The first second, and a look each ten seconds.
        #expect(looks <= max(3, Int(rate) + 2) + Int(600 / rate / 10), "\(looks) looks")
    }

    @Test("gets used to noise that comes with the dark")
    func darkness() {
        let planes = (0..<3000).map { plane(seed: UInt64($0), noise: $0 < 300 ? 1 : 4) }
        let motion = motions(planes)
        #expect(motion.contains(300))
        #expect(motion.allSatisfy { (300..<1500).contains($0) }, "\(motion.last ?? 0)")
    }

    @Test("needs as much of the picture as it is told")
    func area() {
        func sees(_ side: Double, area: Double) -> Bool {
            var gate = MotionGate(configuration: MotionGateConfiguration(area: area))
            _ = gate.admits(plane(seed: 1), width: width, height: height, at: 0)
            let shown = plane(seed: 1, square: (x: 40, y: 30, side: side))
            return gate.admits(shown, width: width, height: height, at: 0.1) == .infer(.motion)
        }
        // A square of 12 is a hundredth of the picture; its blocks reach a little further.
        #expect(sees(12, area: 0.01))
        #expect(!sees(4, area: 0.01))
        #expect(sees(4, area: 0.001))
    }
}
