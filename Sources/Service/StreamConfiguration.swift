import Annotation
import Tracking

/// What is to be found in a stream, and how it is shown.
public struct StreamConfiguration: Sendable {
    /// The stream's name in its results.
    public var name: String
    /// The score that an object must once reach to be reported, 0...1.
    public var threshold: Double
    /// Ids of the categories to report; all where nil.
    public var categories: Set<Int>?
    public var tracker: TrackerConfiguration
    public var annotation: AnnotationOptions

    public init(
        name: String, threshold: Double = 0.5, categories: Set<Int>? = nil, tracker: TrackerConfiguration? = nil,
        annotation: AnnotationOptions = AnnotationOptions()
    ) {
        self.name = name
        self.threshold = threshold
        self.categories = categories
        self.tracker = tracker ?? TrackerConfiguration(threshold: threshold)
        self.annotation = annotation
    }
}
