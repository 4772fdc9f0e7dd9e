import RandomNumbers
import Video

/// What a synthetic data set is to consist of; the same plan gives the same files.
public struct DatasetPlan: Sendable, Equatable {
    /// Pixels, of every image and video.
    public var width = 432
    /// Pixels.
    public var height = 240
    /// What everything random is derived from.
    public var seed: UInt64 = 1
    /// Images, each of a scene of its own.
    public var images = 0
    /// Videos, each of a scene of its own.
    public var videos = 0
    /// Length of each video.
    public var seconds = 10.0
    /// Frames a second.
    public var frameRate = 30.0
    /// Whether each frame of a video is also written as an image.
    public var framesAsImages = false

    public init() {}

    /// The bounds of what is sensible: one side of a picture, seconds, frames a second.
    public static let sides = 16...8192
    public static let longest = 86_400.0
    public static let fastest = 1000.0

    /// - Throws: `DatasetError.impossible` for what cannot be made.
    public func validate() throws {
        func require(_ condition: Bool, _ problem: String) throws {
            guard condition else { throw DatasetError.impossible(problem: problem) }
        }
        try require(
            Self.sides.contains(width) && Self.sides.contains(height),
            "the size is \(width)x\(height); both sides must be \(Self.sides.lowerBound) to \(Self.sides.upperBound)")
        try require(images >= 0 && videos >= 0, "the number of images or videos is negative")
        try require(images > 0 || videos > 0, "there is nothing to make: no image and no video")
        guard videos > 0 else { return }
        try require(
            seconds > 0 && seconds <= Self.longest,
            "the length is \(seconds) seconds; it must be greater than 0 and at most \(Self.longest)")
        try require(
            frameRate >= 0.1 && frameRate <= Self.fastest,
            "the frame rate is \(frameRate); it must be 0.1 to \(Self.fastest)")
    }

    /// Frames of each video, at least one.
    public var framesPerVideo: Int { max(1, Int((seconds * frameRate).rounded())) }

    /// Where and when an image is taken.
    struct Shot {
        var sceneSeed: UInt64
        /// Seconds for which the scene's objects come and go.
        var duration: Double
        /// Seconds from the scene's start.
        var time: Double
    }

    /// Half of the images show a scene made for one picture, with all objects in place; the other half are taken at any time
    /// of a longer one, with objects that are about to enter, leave or vanish behind others.
    func shots() -> [Shot] {
        var random = SplitMix64(seed: SplitMix64.mix(seed ^ 0x696d_6167_6573))
        return (0..<images).map { _ in
            let sceneSeed = random.next()
            guard random.chance(0.5) else { return Shot(sceneSeed: sceneSeed, duration: 0, time: 0) }
            let duration = Double(random.uniform(4...20))
            return Shot(sceneSeed: sceneSeed, duration: duration, time: duration * Double(random.uniform(0...1)))
        }
    }

    /// The seed of each video's scene.
    func videoSeeds() -> [UInt64] {
        var random = SplitMix64(seed: SplitMix64.mix(seed ^ 0x7669_6465_6f73))
        return (0..<videos).map { _ in random.next() }
    }

    /// The frame rate as a fraction, to a thousandth.
    var rate: Rational {
        let thousandths = Int32((frameRate * 1000).rounded())
        func divisor(_ a: Int32, _ b: Int32) -> Int32 { b == 0 ? a : divisor(b, a % b) }
        let common = divisor(thousandths, 1000)
        return Rational(thousandths / common, 1000 / common)
    }
}

/// Why a data set cannot be made; what the file system refuses is a `FileError`.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
    /// The folder already holds something.
    case notEmpty(folder: String)
    /// A plan that makes no sense.
    case impossible(problem: String)

    public var description: String {
        switch self {
        case .notEmpty(let folder): "\(folder): the folder is not empty; name a new one, or empty it first"
        case .impossible(let problem): problem
        }
    }
}
