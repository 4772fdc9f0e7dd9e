import Instances

/// Gives the detections of successive frames the identities of the objects that they show.
///
/// Every known object is expected where a constant-velocity Kalman filter puts it, and detections are assigned to objects by
/// how well boxes and masks overlap, in passes after the example of ByteTrack (arXiv 2110.06864):
///
/// 1. sure detections (`track_high_thresh`) to confirmed tracks, those out of sight included;
/// 2. weak ones (`track_low_thresh`) to the confirmed tracks that are left: what is half hidden scores low, and is still
///    there;
/// 3. the sure ones that are left to the tracks that are left, with boxes that grow the longer a track is out of sight, and by
///    containment, since what comes out of hiding shows itself in part;
/// 4. the rest to the tracks of the frame before that are not confirmed yet. What then still is nobody's starts a track
///    (`new_track_thresh`), which counts from its second frame on, or at once in the first frame of all.
///
/// The same detections at the same times give the same identities.
public struct Tracker: Sendable {
    public let configuration: TrackerConfiguration
    /// Seconds from one frame to the next at the stream's nominal rate, in which `track_buffer` and motion are counted.
    public let frameInterval: Double
    var tuning = Tuning()
    private var tracks: [Track] = []
    private var lastTime: Double?
    private var nextID: Int
    /// Frames from one update to the next of late: more than 1 where the detector sees only some frames.
    private var updateGap = 1.0
    /// What is there while the picture stands still, and for how many frames it has; nil where the last frame was none of a stillness.
    private var stillness: (objects: [Instance], frames: Double)?

    /// - Parameters:
    ///   - frameInterval: Seconds; a number that no stream has counts as 1/30.
    ///   - firstID: The first identity to give.
    /// - Throws: `TrackerConfiguration.Failure` where a value is out of its range.
    public init(
        configuration: TrackerConfiguration = TrackerConfiguration(), frameInterval: Double = 1.0 / 30, firstID: Int = 1
    ) throws {
        try configuration.validate()
        nextID = firstID
        self.configuration = configuration
        self.frameInterval = frameInterval.isFinite && frameInterval > 0 ? frameInterval : 1.0 / 30
    }

    /// Takes in one frame and returns its detections, with `trackID` filled in where they show a confirmed track.
    ///
    /// They are returned as they were, but for what the detector shows as two classes at once (`duplicate_thresh`): of the two the one
    /// with the better scores of late is returned, and where a frame shows only the other, that one's box, mask and score under the
    /// identity and category that the object had. What else to show is for the caller to decide. With the user's threshold in
    /// `TrackerConfiguration(threshold:)` and the detector run down to `track_low_thresh`, that should be
    /// `trackID != nil || score >= threshold`: an object appears when it reaches the threshold, and does not flicker when its
    /// score falls below while it is still followed; a sure detection is never withheld for being in its first frame.
    ///
    /// Boxes that are not finite or have no area are never tracked.
    ///
    /// - Parameter seconds: The frame's presentation time. Frames may be missing between two calls. A time that is not after
    ///   the last one counts as one frame later: the source has started its clock again.
    public mutating func update(with detections: [Instance], at seconds: Double) -> [Instance] {
        let isFirst = lastTime == nil
        if let stillness {
            for index in tracks.indices { tracks[index].stay(frames: stillness.frames, memory: standingMemory) }
        }
        stillness = nil
        move(to: seconds)
        var frame = Frame(detections, configuration: configuration)
        associate(&frame)
        keepIdentities(&frame)
        for index in tracks.indices where tracks[index].unseenFrames > 0 { tracks[index].miss() }
        for detection in frame.sure where Double(detections[detection].score) >= configuration.newTrackThreshold {
            frame.tracks[detection] = tracks.count
            tracks.append(Track(detections[detection], memory: standingMemory, tuning: tuning))
            if isFirst { frame.result[detection].trackID = confirm(tracks.count - 1) }
        }
        let originals = originals(of: frame.result)
        for (detection, track) in frame.tracks {
            tracks[track].stand(behind: originals[detection].flatMap { frame.result[$0].trackID })
        }
        // Those of the frame before that were not seen again have been mistakes.
        tracks.removeAll { $0.id == nil && $0.unseenFrames > 0 }
        return Self.leaveOut(originals, of: frame.result)
    }

    /// The confirmed objects of the last frame as they are expected at another time, with boxes and masks carried along;
    /// the tracker is left as it is.
    ///
    /// For frames that the detector does not see. Boxes are cut to the picture; what has left it, by its box or by its mask, is
    /// left out.
    ///
    /// - Parameters:
    ///   - seconds: The frame's presentation time.
    ///   - width: The picture's width, pixels.
    ///   - height: The picture's height, pixels. Masks of a picture of another size are left out.
    public func predicted(at seconds: Double, width: Int, height: Int) -> [Instance] {
        let frames = framesElapsed(at: seconds)
        guard frames <= longestUnseen else { return [] }
        return tracks.compactMap { track in
            guard track.id != nil, track.unseenFrames == 0, track.original == nil else { return nil }
            var track = track
            track.predict(frames: frames, memory: standingMemory, tuning: tuning)
            var instance = track.expected
            instance.box = instance.box.clipped(width: width, height: height)
            if let mask = instance.mask, mask.width != width || mask.height != height { instance.mask = nil }
            let isInside = instance.box.width > 0 && instance.box.height > 0 && instance.mask?.area != 0
            return isInside ? instance : nil
        }
    }

    /// The confirmed objects as they were last seen, for a frame in which nothing has moved.
    ///
    /// The tracker's clock moves on, but no track moves or ages: identities outlast any stillness. What moved before has come to
    /// rest. What the last looks missed is left out, unless that was a moment ago or a single time.
    ///
    /// - Parameters:
    ///   - seconds: The frame's presentation time.
    ///   - settling: For how long the detector goes on after the last motion, seconds; see `MotionGateConfiguration`.
    public mutating func hold(at seconds: Double, settling: Double) -> [Instance] {
        guard let lastTime else { return [] }
        let frames = framesElapsed(at: seconds)
        self.lastTime = seconds.isFinite ? seconds : lastTime
        if let objects = stillness?.objects {
            stillness?.frames += frames
            return objects
        }
        for index in tracks.indices { tracks[index].rest(tuning: tuning, settlingFrames: settling / frameInterval) }
        let there = tracks.compactMap { track in track.id != nil && track.isHeld ? track.held : nil }
        let objects = Self.leaveOut(originals(of: there), of: there)
        stillness = (objects, frames)
        return objects
    }

    /// Lets an object of which this frame shows only the second sighting, as another class, be what it was: it would else lose its
    /// identity for as long.
    private mutating func keepIdentities(_ frame: inout Frame) {
        for original in tracks.indices where tracks[original].id != nil && tracks[original].unseenFrames > 0 {
            let candidates = frame.tracks.filter { _, track in
                tracks[track].original == tracks[original].id && tracks[track].isTwin(of: tracks[original])
                    && tracks[original].standing * tuning.standingMargin > tracks[track].standing
            }
            guard !candidates.isEmpty else { continue }
            let expected = tracks[original].expected
            let best = candidates.keys.map { (overlap: Self.overlap(expected, frame.result[$0]), detection: $0) }
                .max { ($0.overlap, $1.detection) < ($1.overlap, $0.detection) }
            guard let best, best.overlap > configuration.duplicateThreshold else { continue }
            let detection = frame.result[best.detection]
            // A track that takes any class has this one from now on.
            if configuration.classAware {
                tracks[original].see(asOtherClass: detection, tuning: tuning)
            } else {
                tracks[original].see(detection, tuning: tuning)
            }
            frame.result[best.detection] = tracks[original].held
            // The second one stays behind the first.
            frame.tracks[best.detection] = nil
        }
    }

    private static func leaveOut(_ places: [Int: Int], of objects: [Instance]) -> [Instance] {
        objects.indices.filter { places[$0] == nil }.map { objects[$0] }
    }

    /// By the place of each object that overlaps one of another class and of better standing so much that they are the same, the place
    /// of that one.
    ///
    /// Suppression in the detector is by class, so an object that looks like two classes comes as two. Which one it is, its scores
    /// decide: those of one frame would change their mind with the next, and a sum of all would never change it again. What it was
    /// of late it stays unless the other is clearly better.
    private func originals(of objects: [Instance]) -> [Int: Int] {
        guard configuration.duplicateThreshold < 1, objects.count > 1 else { return [:] }
        var standing: [Int: Double] = [:]
        for track in tracks {
            guard let id = track.id else { continue }
            standing[id] = track.standing * (track.original == nil ? tuning.standingMargin : 1)
        }
        // What has an identity stands before what has none yet, however sure that is in its first frame.
        let ranks = objects.map { object in
            object.trackID.map { (0, -(standing[$0] ?? 0)) } ?? (1, -Double(object.score))
        }
        var (kept, originals): ([Int], [Int: Int]) = ([], [:])
        for index in objects.indices.sorted(by: { (ranks[$0].0, ranks[$0].1, $0) < (ranks[$1].0, ranks[$1].1, $1) }) {
            let original = kept.first { other in
                objects[index].categoryID != objects[other].categoryID
                    && Self.overlap(objects[index], objects[other]) > configuration.duplicateThreshold
            }
            if let original { originals[index] = original } else { kept.append(index) }
        }
        return originals
    }

    /// The IoU of the masks, or of the boxes where there are none. Boxes of different objects may overlap as much as those of
    /// one, as a rider's and a horse's do; masks do not.
    private static func overlap(_ a: Instance, _ b: Instance) -> Double {
        let boxes = a.box.intersectionOverUnion(b.box)
        guard boxes > 0, let first = a.mask, let second = b.mask, first.width == second.width,
            first.height == second.height
        else { return Double(boxes) }
        return Double(first.intersectionOverUnion(second))
    }

    /// The detections of one frame, by their places in the input.
    private struct Frame {
        /// What will be returned.
        var result: [Instance]
        /// The tracks that they show, by their places.
        var tracks: [Int: Int] = [:]
        /// The detections from `track_high_thresh` on that no track has claimed.
        var sure: [Int] = []
        /// The detections from `track_low_thresh` up to there that no track has claimed.
        var weak: [Int] = []

        init(_ detections: [Instance], configuration: TrackerConfiguration) {
            result = detections
            for index in detections.indices {
                result[index].trackID = nil
                guard Tracker.isTrackable(detections[index].box) else { continue }
                let score = Double(detections[index].score)
                if score >= configuration.trackHighThreshold {
                    sure.append(index)
                } else if score >= configuration.trackLowThreshold {
                    weak.append(index)
                }
            }
        }
    }

    /// Drops the tracks whose time is over and moves the others on.
    private mutating func move(to seconds: Double) {
        let frames = framesElapsed(at: seconds)
        lastTime = seconds.isFinite ? seconds : (lastTime ?? 0) + frameInterval
        let longest = longestUnseen
        tracks.removeAll { $0.unseenFrames + frames > longest }
        // An outage is no rhythm, hence the bound.
        updateGap += 0.25 * (min(frames, 4 * updateGap) - updateGap)
        updateGap = max(1, updateGap)
        for index in tracks.indices { tracks[index].predict(frames: frames, memory: standingMemory, tuning: tuning) }
    }

    /// The frames after which a track is given up that nothing shows.
    ///
    /// A detector that sees every fiftieth frame only has to have missed an object a few times all the same.
    private var longestUnseen: Double {
        // Half a frame of tolerance for times that were rounded to a container's time base.
        max(Double(configuration.trackBuffer) + 1.5, updateGap > 2 ? tuning.missesSurvived * updateGap : 0)
    }

    /// How long the scores count that decide which of two classes an object is, frames.
    ///
    /// A detector that sees every fiftieth frame must not be believed at every look.
    private var standingMemory: Double { max(tuning.standingMemory, tuning.standingUpdates * updateGap) }

    private func framesElapsed(at seconds: Double) -> Double {
        guard let lastTime else { return 0 }
        let frames = (seconds - lastTime) / frameInterval
        return frames.isFinite && frames > 0 ? frames : 1
    }

    /// The four passes; claimed detections leave the frame's lists and get their track's identity.
    private mutating func associate(_ frame: inout Frame) {
        let masks = tracks.map { configuration.maskIoU ? $0.expectedMask : nil }
        var confirmed = tracks.indices.filter { tracks[$0].id != nil }
        var tentative = tracks.indices.filter { tracks[$0].id == nil }
        let overlap = { (tracker: Tracker, track: Int, detection: Instance) in
            1 - tracker.similarity(track, expectedMask: masks[track], detection)
        }
        match(&confirmed, \.sure, of: &frame, limit: configuration.matchThreshold, cost: overlap)
        match(&confirmed, \.weak, of: &frame, limit: tuning.lowMatch, cost: overlap)
        match(&confirmed, \.sure, of: &frame, limit: tuning.rescueMatch) { 1 - $0.looseSimilarity($1, $2) }
        match(&tentative, \.sure, of: &frame, limit: tuning.tentativeMatch, cost: overlap)
    }

    /// Assigns detections to tracks at the least total cost and removes both from their lists.
    private mutating func match(
        _ candidates: inout [Int], _ list: WritableKeyPath<Frame, [Int]>, of frame: inout Frame, limit: Double,
        cost: (Tracker, Int, Instance) -> Double
    ) {
        let detections = frame[keyPath: list]
        guard !candidates.isEmpty, !detections.isEmpty else { return }
        var costs: [Double] = []
        costs.reserveCapacity(candidates.count * detections.count)
        for track in candidates {
            for index in detections {
                let detection = frame.result[index]
                let fits = !configuration.classAware || tracks[track].lastSeen.categoryID == detection.categoryID
                costs.append(fits ? cost(self, track, detection) : .infinity)
            }
        }
        let assignment = Assignment(costs: costs, rows: candidates.count, columns: detections.count, limit: limit)
        for pair in assignment.pairs {
            let (track, index) = (candidates[pair.row], detections[pair.column])
            tracks[track].see(frame.result[index], tuning: tuning)
            frame.result[index].trackID = confirm(track)
            frame.tracks[index] = track
        }
        candidates = assignment.unmatchedRows.map { candidates[$0] }
        frame[keyPath: list] = assignment.unmatchedColumns.map { detections[$0] }
    }

    /// Gives a track its identity, unless it has one.
    private mutating func confirm(_ track: Int) -> Int {
        if let id = tracks[track].id { return id }
        defer { nextID += 1 }
        tracks[track].id = nextID
        return nextID
    }

    /// How well a detection fits the place where a track is expected, 0...1.
    private func similarity(_ track: Int, expectedMask: Mask?, _ detection: Instance) -> Double {
        let boxes = Double(tracks[track].motion.box.intersectionOverUnion(detection.box))
        guard boxes > 0, let a = expectedMask, let b = detection.mask, a.width == b.width, a.height == b.height else {
            return boxes
        }
        return boxes + tuning.maskWeight * (Double(a.intersectionOverUnion(b)) - boxes)
    }

    /// How well a detection may fit a track whose place is not well known any more, 0...1.
    ///
    /// Boxes are compared after growing both (C-BIoU, arXiv 2211.14317), and by the part of the smaller in the greater.
    private func looseSimilarity(_ track: Int, _ detection: Instance) -> Double {
        let (expected, seen) = (tracks[track].motion.box, detection.box)
        let contained = tuning.containment * Double(expected.containment(seen))
        guard Double(min(expected.area, seen.area) / max(expected.area, seen.area)) >= tuning.leastAreaRatio else {
            return contained
        }
        let expansion = Float(
            min(
                tuning.greatestExpansion, tuning.expansion + tuning.expansionPerFrame * tracks[track].unseenFrames))
        let overlap = expected.expanded(by: expansion).intersectionOverUnion(seen.expanded(by: expansion))
        return max(contained, Double(overlap))
    }

    /// Whether a box has a place and a size; no picture has ten million pixels on a side.
    private static func isTrackable(_ box: Box) -> Bool {
        let sides = [box.x0, box.y0, box.x1, box.y1]
        return sides.allSatisfy { abs($0) < 1e7 } && box.width > 0 && box.height > 0
    }
}
