import Dispatch
import Instances
import Locks
import Synthesis
import Video

/// Scenes of moving shapes, which the sample model knows, one after the other without an end, for trying the daemon out.
///
/// Written `test:shapes?size=640x360&rate=15&seed=1`.
// Sendable: `next` is called by one thread at a time; what `interrupt` touches is locked or atomic.
final class ShapesSource: FrameSource, @unchecked Sendable {
    /// What is shown.
    struct Parameters: Sendable, Equatable {
        var width = 640
        var height = 360
        /// Frames a second.
        var rate: Int32 = 15
        var seed: UInt64 = 1
    }

    /// Seconds after which another scene begins.
    private static let sceneLength = 20.0

    private let parameters: Parameters
    private let maker = FrameMaker(input: "test:shapes")
    private let start = ContinuousClock.now
    private let interruption = DispatchSemaphore(value: 0)
    private let isInterrupted = Flag()
    private var scene: Scene
    private var sceneNumber = 0
    private var number = 0

    init(_ parameters: Parameters) {
        self.parameters = parameters
        scene = Self.scene(parameters, 0)
    }

    var frameInterval: Double? { 1 / Double(parameters.rate) }

    func next() throws -> VideoFrame? {
        let seconds = Double(number) / Double(parameters.rate)
        let due = start + .seconds(seconds)
        let delay = (due - ContinuousClock.now).inSeconds
        if delay > 0, interruption.wait(timeout: .now() + delay) == .success || isInterrupted.isSet {
            throw VideoError.interrupted(input: "test:shapes")
        }
        if isInterrupted.isSet { throw VideoError.interrupted(input: "test:shapes") }
        // Where the machine does not keep up, frames that nobody could have seen are left out, as a camera does.
        if delay < -1 { number += Int(-delay * Double(parameters.rate)) }
        let time = Double(number) / Double(parameters.rate)
        let current = Int(time / Self.sceneLength)
        if current != sceneNumber {
            sceneNumber = current
            scene = Self.scene(parameters, current)
        }
        let image = scene.frame(at: time - Double(current) * Self.sceneLength).image
        defer { number += 1 }
        return try maker.frame(
            of: image, number: number,
            timestamp: Timestamp(value: Int64(number), timeBase: Rational(1, parameters.rate)),
            duration: 1)
    }

    func interrupt() {
        isInterrupted.set()
        interruption.signal()
    }

    func resume() {
        isInterrupted.set(false)
        while interruption.wait(timeout: .now()) == .success {}
    }

    private static func scene(_ parameters: Parameters, _ number: Int) -> Scene {
        Scene(
            seed: parameters.seed &+ UInt64(number), width: parameters.width, height: parameters.height,
            duration: sceneLength)
    }
}
