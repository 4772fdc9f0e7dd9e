import ArgumentParser
import Tracking

/// What the tracker may be told.
struct TrackerOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("The score that an object must once reach to be reported, 0...1.", valueName: "score"))
    var threshold = 0.5

    @Option(help: ArgumentHelp("The score down to which a known object is followed, 0...1.", valueName: "score"))
    var trackLowThresh: Double?

    @Option(
        help: ArgumentHelp(
            "The score from which a detection counts as sure; --threshold if not given.", valueName: "score"))
    var trackHighThresh: Double?

    @Option(
        help: ArgumentHelp(
            "The score from which a detection starts a track; --threshold if not given.", valueName: "score"))
    var newTrackThresh: Double?

    @Option(
        help: ArgumentHelp("The cost (1 - IoU) below which a detection may continue a track, 0...1.", valueName: "cost")
    )
    var matchThresh: Double?

    @Option(help: ArgumentHelp("The frames for which an object is remembered that nothing shows.", valueName: "frames"))
    var trackBuffer: Int?

    @Option(
        help: ArgumentHelp(
            "The IoU above which an object seen as a second class is left out, 0...1; 1 reports all.", valueName: "iou"
        ))
    var duplicateThresh: Double?

    @Flag(help: "Let a track go on with a detection of another class.")
    var ignoreClass = false

    /// - Throws: `CommandFailure`, `TrackerConfiguration.Failure` for a value out of its range.
    func tracker() throws -> TrackerConfiguration {
        try ModelOptions.requireFraction(threshold, "--threshold")
        var configuration = TrackerConfiguration(threshold: threshold)
        configuration.trackLowThreshold = trackLowThresh ?? configuration.trackLowThreshold
        configuration.trackHighThreshold = trackHighThresh ?? configuration.trackHighThreshold
        configuration.newTrackThreshold = newTrackThresh ?? configuration.newTrackThreshold
        configuration.matchThreshold = matchThresh ?? configuration.matchThreshold
        configuration.trackBuffer = trackBuffer ?? configuration.trackBuffer
        configuration.duplicateThreshold = duplicateThresh ?? configuration.duplicateThreshold
        configuration.classAware = !ignoreClass
        try configuration.validate()
        return configuration
    }
}
