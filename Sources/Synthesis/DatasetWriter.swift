import Dispatch
import Files
import Foundation
import Instances
import Synchronization
import Video

/// Makes a synthetic data set in a folder.
///
/// Images are `images/000001.png` and so on beside their `annotations.json`. Each video has a folder `videos/000001` with
/// `video.mp4`, `annotations.json`, `gt.txt` and, if wanted, its frames in `images`. An annotation file comes last, so that
/// what has one is whole.
public struct DatasetWriter: Sendable {
    /// One annotation file that was made.
    public struct Part: Sendable, Equatable {
        /// The folder that holds the annotation file.
        public var folder: String
        public var pictures: Int
        public var objects: Int
        public var isVideo: Bool
    }

    public let folder: String
    public let plan: DatasetPlan

    /// Makes the folder, and those above it.
    ///
    /// - Throws: `DatasetError`; `FileError` where the folder cannot be made or read.
    public init(folder: String, plan: DatasetPlan) throws {
        try plan.validate()
        self.folder = folder
        self.plan = plan
        try Folder.create(folder)
        guard try Folder.isEmpty(folder) else { throw DatasetError.notEmpty(folder: folder) }
    }

    /// Renders and writes everything, on all processors.
    ///
    /// - Parameter progress: Called now and then with the number of pictures done, and of all; what it throws ends the writing.
    /// - Returns: What was made, images first.
    /// - Throws: `FileError`, `VideoError`. Nothing half-written has a final name then.
    public func write(progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }) throws -> [Part] {
        let all = plan.images + plan.videos * plan.framesPerVideo
        var parts: [Part] = []
        if plan.images > 0 { parts.append(try writeImages { try progress($0, all) }) }
        for (index, seed) in plan.videoSeeds().enumerated() {
            let before = plan.images + index * plan.framesPerVideo
            parts.append(try writeVideo(number: index + 1, seed: seed) { try progress(before + $0, all) })
        }
        return parts
    }

    private func writeImages(progress: (Int) throws -> Void) throws -> Part {
        let images = folder + "/images"
        try Folder.create(images)
        let shots = plan.shots()
        let annotations = try AnnotationFile(
            path: folder + "/annotations.json", description: "Moving shapes, seed \(plan.seed)", width: plan.width,
            height: plan.height, pictures: shots.indices.map { AnnotationFile.Picture(fileName: Self.name($0 + 1)) })
        let (width, height) = (plan.width, plan.height)
        try Self.inOrder(shots.count) { index in
            let shot = shots[index]
            let scene = Scene(seed: shot.sceneSeed, width: width, height: height, duration: shot.duration)
            let frame = scene.frame(at: shot.time)
            try ImageFile.write(frame.image, to: images + "/" + Self.name(index + 1))
            return frame.objects
        } consume: { index, objects in
            try annotations.add(objects, imageID: index + 1)
            try progress(index + 1)
        }
        try annotations.finish()
        return Part(folder: folder, pictures: shots.count, objects: annotations.count, isVideo: false)
    }

    private func writeVideo(number: Int, seed: UInt64, progress: (Int) throws -> Void) throws -> Part {
        let folder = "\(folder)/videos/\(Self.padded(number))"
        let images: String? = plan.framesAsImages ? folder + "/images" : nil
        try Folder.create(images ?? folder)
        let (rate, count) = (plan.rate, plan.framesPerVideo)
        let annotations = try AnnotationFile(
            path: folder + "/annotations.json", description: "Moving shapes, video \(number) of seed \(plan.seed)",
            width: plan.width, height: plan.height,
            pictures: (0..<count).map { frame in
                AnnotationFile.Picture(
                    fileName: images == nil ? "video.mp4#\(frame)" : Self.name(frame + 1),
                    frame: (frame, Double(frame) / rate.value))
            })
        let tracks = try TrackFile(path: folder + "/gt.txt")
        let timeBase = Rational(rate.denominator, rate.numerator)
        // With one thread the encoder makes the same bytes on any machine; rendering takes the other processors.
        let video = try VideoWriter(
            path: folder + "/video.mp4",
            format: VideoWriter.Format(width: plan.width, height: plan.height, timeBase: timeBase, frameRate: rate),
            options: VideoWriter.Options(threads: 1))
        let scene = Scene(seed: seed, width: plan.width, height: plan.height, duration: Double(count) / rate.value)
        try Self.inOrder(count) { index in
            let frame = scene.frame(at: Double(index) / rate.value)
            if let images { try ImageFile.write(frame.image, to: images + "/" + Self.name(index + 1)) }
            return frame
        } consume: { index, rendered in
            try video.write(rendered.image, at: Timestamp(value: Int64(index), timeBase: timeBase), duration: 1)
            try annotations.add(rendered.objects, imageID: index + 1)
            try tracks.add(rendered.objects, frame: index)
            try progress(index + 1)
        }
        try video.finish()
        try tracks.finish()
        try annotations.finish()
        return Part(folder: folder, pictures: count, objects: annotations.count, isVideo: true)
    }

    /// Makes `count` values on all processors and consumes them here in their order, a few per processor at a time, so that
    /// memory does not grow with their number.
    private static func inOrder<Value: Sendable>(
        _ count: Int, make: @Sendable (Int) throws -> Value, consume: (Int, Value) throws -> Void
    ) throws {
        let atOnce = 4 * ProcessInfo.processInfo.activeProcessorCount
        for first in stride(from: 0, to: count, by: atOnce) {
            let size = min(atOnce, count - first)
            let made = Mutex([Result<Value, any Error>?](repeating: nil, count: size))
            DispatchQueue.concurrentPerform(iterations: size) { offset in
                let result = Result { try make(first + offset) }
                made.withLock { $0[offset] = result }
            }
            let results = made.withLock { $0 }
            for (offset, result) in results.enumerated() {
                guard let result else { continue }
                try consume(first + offset, try result.get())
            }
        }
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private static func name(_ number: Int) -> String { padded(number) + ".png" }
}
