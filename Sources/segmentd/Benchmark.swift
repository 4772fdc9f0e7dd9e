import Foundation
import Instances
import Locks
import MaskRCNN

/// Measures detectors on one picture.
struct Benchmark {
    /// The score that an object must exceed, 0...1; the model's own where nil.
    var threshold: Float?
    var categories: Set<Int>?

    /// What was measured of one detector.
    struct Figures {
        var threads: Int
        var width: Int
        var height: Int
        /// Objects found.
        var objects = 0
        /// Of every frame.
        var seconds: [Double] = []
        /// By stage, of every frame.
        var stages: [(name: String, seconds: [Double])] = []
        /// By operator, of every frame.
        var operators: [(operator: FrameClock.OperatorTime, seconds: [Double])] = []
        /// The most memory that the process has had so far, bytes.
        var peakMemory = 0
    }

    /// One point of a scaling curve.
    struct Point {
        /// What is varied, such as `threads`.
        var axis: String
        var value: Int
        var objects: Int
        var seconds: Double
    }

    /// Runs a detector over the picture again and again, after a first time that fills the pools.
    func measure(_ detector: Detector, _ picture: RGBImage, repetitions: Int) -> Figures {
        var figures = Figures(threads: detector.threads, width: picture.width, height: picture.height)
        for round in 0...repetitions {
            let clock = FrameClock()
            let start = ContinuousClock.now
            let objects = detector.detect(picture, threshold: threshold, categories: categories, clock: clock)
            let seconds = (ContinuousClock.now - start).inSeconds
            if round == 0 {
                figures.objects = objects.count
                figures.stages = clock.stages.map { ($0.stage, []) }
                figures.operators = clock.operators.map { ($0, []) }
                continue
            }
            figures.seconds.append(seconds)
            for (index, time) in clock.stages.enumerated() { figures.stages[index].seconds.append(time.time.inSeconds) }
            for (index, time) in clock.operators.enumerated() {
                figures.operators[index].seconds.append(time.time.inSeconds)
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        figures.peakMemory = usage.ru_maxrss * 1024
        return figures
    }

    /// Measures the model with other numbers of threads, with the network's input in other sizes, and with fewer objects.
    func scaling(_ options: ModelOptions, _ picture: RGBImage, repetitions: Int, threads: Int) throws -> [Point] {
        func point(
            _ axis: String, _ value: Int, threads: Int? = nil, _ adjust: (inout ModelConfiguration) -> Void = { _ in }
        ) throws -> Point {
            var options = options
            if let threads { options.threads = threads }
            let figures = measure(try options.detector(adjusting: adjust), picture, repetitions: repetitions)
            return Point(axis: axis, value: value, objects: figures.objects, seconds: median(figures.seconds))
        }
        var points: [Point] = []
        var count = 1
        while count < threads {
            points.append(try point("threads", count, threads: count))
            count *= 2
        }
        points.append(try point("threads", threads, threads: threads))
        let configuration = try Model(path: SampleModel.path(or: options.model)).configuration
        for percent in [50, 75, 100, 125] {
            // Within what a configuration may say.
            let scaled = min(8192, max(32, configuration.transform.minSize * percent / 100))
            points.append(
                try point("shorter side", scaled) { configuration in
                    configuration.transform.minSize = scaled
                    configuration.transform.maxSize = min(
                        16384, max(scaled, configuration.transform.maxSize * percent / 100))
                })
        }
        let most = configuration.boxHead.detectionsPerImage
        for objects in [1, 10, 30, 100].filter({ $0 < most }) + [most] {
            points.append(try point("objects at most", objects) { $0.boxHead.detectionsPerImage = objects })
        }
        return points
    }
}

/// The middle of some values, or what lies between two of them.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
}
