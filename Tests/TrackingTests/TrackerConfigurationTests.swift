import Foundation
import Testing

@testable import Tracking

@Suite struct TrackerConfigurationTests {
    private func read(_ json: String) throws -> TrackerConfiguration {
        try JSONDecoder().decode(TrackerConfiguration.self, from: Data(json.utf8))
    }

    @Test func `the field's names are read and what is left out keeps its default`() throws {
        let configuration = try read(#"{"track_high_thresh":0.6,"track_buffer":90,"class_aware":false}"#)
        #expect(configuration.trackHighThreshold == 0.6)
        #expect(configuration.trackBuffer == 90)
        #expect(!configuration.classAware)
        #expect(configuration.trackLowThreshold == 0.1)
        #expect(try read("{}") == TrackerConfiguration())
    }

    @Test func `a configuration survives writing and reading`() throws {
        var configuration = TrackerConfiguration(threshold: 0.7)
        configuration.maskIoU = false
        configuration.matchThreshold = 0.9
        let data = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(TrackerConfiguration.self, from: data) == configuration)
        let keys = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]).keys.sorted()
        #expect(
            keys == [
                "class_aware", "duplicate_thresh", "mask_iou", "match_thresh", "new_track_thresh", "track_buffer",
                "track_high_thresh",
                "track_low_thresh",
            ])
    }

    @Test func `values out of range are refused by name`() {
        #expect(throws: TrackerConfiguration.Failure.outOfRange(key: "match_thresh", value: 1.5)) {
            try read(#"{"match_thresh":1.5}"#)
        }
        #expect(throws: TrackerConfiguration.Failure.lowAboveHigh(low: 0.7, high: 0.5)) {
            try read(#"{"track_low_thresh":0.7}"#)
        }
        #expect(throws: TrackerConfiguration.Failure.negativeBuffer(-1)) { try read(#"{"track_buffer":-1}"#) }
        var configuration = TrackerConfiguration()
        configuration.newTrackThreshold = .nan
        #expect(throws: TrackerConfiguration.Failure.self) { try Tracker(configuration: configuration) }
    }

    @Test(arguments: [0, 0.05, 0.5, 0.93, 1])
    func `every threshold of a user gives a configuration that holds`(threshold: Double) throws {
        let configuration = TrackerConfiguration(threshold: threshold)
        try configuration.validate()
        #expect(configuration.newTrackThreshold == threshold)
        #expect(configuration.trackLowThreshold == min(0.1, threshold))
    }

    @Test func `the default threshold gives the default configuration`() {
        #expect(TrackerConfiguration(threshold: 0.5) == TrackerConfiguration())
    }
}
