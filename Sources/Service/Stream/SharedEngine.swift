import Instances
import MaskRCNN
import Pipeline

/// Finds the objects in a picture; several threads may ask.
public protocol ObjectDetector: Sendable {
    /// - Parameters:
    ///   - threshold: The score that an object must exceed, 0...1.
    ///   - categories: The category ids to report; all where nil.
    func detect(_ image: RGBImage, threshold: Float, categories: Set<Int>?) -> [Instance]
}

extension Detector: ObjectDetector {
    public func detect(_ image: RGBImage, threshold: Float, categories: Set<Int>?) -> [Instance] {
        detect(image, threshold: threshold, categories: categories, clock: nil, recorder: nil)
    }
}

/// A detector, whose weights are in memory once, and the turns in which streams use it.
public final class SharedEngine: Sendable {
    let detector: any ObjectDetector
    let turnstile: Turnstile

    /// - Throws: `NamedThread.Failure` where there is no thread for it.
    public init(_ detector: any ObjectDetector) throws {
        self.detector = detector
        turnstile = try Turnstile(name: "engine")
    }
}
