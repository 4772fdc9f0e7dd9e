/// What the tracker may be told, under the names that the field uses for it.
///
/// In configuration files the names are ByteTrack's (`track_high_thresh`, `track_low_thresh`, and so on); a key that is left
/// out keeps its default.
public struct TrackerConfiguration: Codable, Equatable, Sendable {
    /// `track_high_thresh`: the score from which a detection counts as sure and is matched in the first pass, 0...1.
    public var trackHighThreshold = 0.5
    /// `track_low_thresh`: the score from which a detection may still continue a track, in the second pass, 0...1.
    public var trackLowThreshold = 0.1
    /// `new_track_thresh`: the score from which a detection that no track claims starts one, 0...1.
    public var newTrackThreshold = 0.5
    /// `match_thresh`: the cost (1 - IoU) below which a detection may continue a track in the first pass, 0...1.
    public var matchThreshold = 0.8
    /// `track_buffer`: the frames for which a track is kept that nothing shows.
    public var trackBuffer = 60
    /// `class_aware`: whether a track keeps to detections of its own category.
    public var classAware = true
    /// `duplicate_thresh`: the IoU above which two objects are one that was detected as two classes, 0...1; the one with
    /// the better scores over the last thirty frames or so is reported, also with what a frame shows of the other alone. 1 reports all.
    public var duplicateThreshold = 0.5
    /// `mask_iou`: whether masks, where detections have them, count beside boxes in how well two fit.
    public var maskIoU = true

    public init() {}

    /// The configuration that goes with a user's threshold: an object must once reach it to get an identity, and keeps the
    /// identity down to `trackLowThreshold`.
    public init(threshold: Double) {
        trackHighThreshold = threshold
        newTrackThreshold = threshold
        trackLowThreshold = min(trackLowThreshold, threshold)
    }

    /// Why a configuration cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case outOfRange(key: String, value: Double)
        case lowAboveHigh(low: Double, high: Double)
        case negativeBuffer(Int)

        public var description: String {
            switch self {
            case .outOfRange(let key, let value): "\(key) is \(value); it must be between 0 and 1"
            case .lowAboveHigh(let low, let high):
                "track_low_thresh (\(low)) is above track_high_thresh (\(high)); lower the one or raise the other"
            case .negativeBuffer(let frames): "track_buffer is \(frames); it is a number of frames, from 0"
            }
        }
    }

    /// - Throws: `TrackerConfiguration.Failure` for the first value that is out of its range.
    public func validate() throws {
        let fractions: [(CodingKeys, Double)] = [
            (.trackHighThreshold, trackHighThreshold), (.trackLowThreshold, trackLowThreshold),
            (.newTrackThreshold, newTrackThreshold), (.matchThreshold, matchThreshold),
            (.duplicateThreshold, duplicateThreshold),
        ]
        for (key, value) in fractions where !(0...1).contains(value) {
            throw Failure.outOfRange(key: key.rawValue, value: value)
        }
        guard trackLowThreshold <= trackHighThreshold else {
            throw Failure.lowAboveHigh(low: trackLowThreshold, high: trackHighThreshold)
        }
        guard trackBuffer >= 0 else { throw Failure.negativeBuffer(trackBuffer) }
    }

    private enum CodingKeys: String, CodingKey {
        case trackHighThreshold = "track_high_thresh"
        case trackLowThreshold = "track_low_thresh"
        case newTrackThreshold = "new_track_thresh"
        case matchThreshold = "match_thresh"
        case trackBuffer = "track_buffer"
        case classAware = "class_aware"
        case duplicateThreshold = "duplicate_thresh"
        case maskIoU = "mask_iou"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, into target: inout Value) throws {
            if let value = try values.decodeIfPresent(Value.self, forKey: key) { target = value }
        }
        try read(.trackHighThreshold, into: &trackHighThreshold)
        try read(.trackLowThreshold, into: &trackLowThreshold)
        try read(.newTrackThreshold, into: &newTrackThreshold)
        try read(.matchThreshold, into: &matchThreshold)
        try read(.trackBuffer, into: &trackBuffer)
        try read(.classAware, into: &classAware)
        try read(.duplicateThreshold, into: &duplicateThreshold)
        try read(.maskIoU, into: &maskIoU)
        try validate()
    }
}
