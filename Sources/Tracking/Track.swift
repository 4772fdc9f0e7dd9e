import Foundation
import Instances

/// One object that is being followed.
struct Track: Sendable {
    /// Its identity in the output, from 1; nil until it is confirmed.
    var id: Int?
    /// The detection that it was last seen as.
    private(set) var lastSeen: Instance
    /// Where it is expected in the current frame.
    private(set) var motion: BoxMotion
    /// Frames since it was last seen; 0 where the current frame shows it.
    private(set) var unseenFrames = 0.0
    /// How well it was seen of late as what it is: its scores over the memory's time or so, 0 where it was not there or not seen; 0...1.
    private(set) var standing: Double
    /// How much of that time it has been there, 0...1.
    private var presence: Double
    /// What the current frame weighs in both.
    private var weight: Double
    /// Detections that have shown it.
    private var sightings = 0
    /// The `original` that it began beside.
    private var twin: Int?
    /// The identity of the track of another class that stood for the same object when this one was last seen; nil where this one did.
    private(set) var original: Int?
    /// Detections in a row that did not show it.
    private(set) var misses = 0
    /// Whether it was seen since the last stillness.
    private var wasSeen = true
    /// Whether it is there while the picture stands still.
    private(set) var isHeld = true

    /// Starts a track, not yet confirmed, with a detection whose box has positive sides.
    ///
    /// - Parameter memory: How long scores count, frames; likewise in what follows.
    init(_ detection: Instance, memory: Double, tuning: Tuning) {
        lastSeen = detection
        motion = BoxMotion(detection.box, tuning: tuning)
        weight = Self.weight(frames: 1, memory: memory)
        presence = weight
        standing = weight * Double(detection.score)
    }

    /// Moves on by `frames` to where the object is expected in the current frame.
    mutating func predict(frames: Double, memory: Double, tuning: Tuning) {
        if unseenFrames > 0 { motion.holdSides() }
        motion.predict(frames: frames, tuning: tuning)
        unseenFrames += frames
        weight = Self.weight(frames: frames, memory: memory)
        presence += weight * (1 - presence)
        standing -= weight * standing
    }

    /// The detection of the current frame does not show it.
    mutating func miss() { misses += 1 }

    /// Stays where it is, because the picture stands still from now on.
    ///
    /// What stands still is missed by a look now and then where its score is low, and cannot have gone without motion. So one miss
    /// does not count, nor do several in a short time; two looks far apart that show nothing do.
    ///
    /// - Parameter settlingFrames: How long the detector has gone on after the last motion, frames.
    mutating func rest(tuning: Tuning, settlingFrames: Double) {
        isHeld = misses <= 1 || (wasSeen && unseenFrames <= tuning.heldUnseen * settlingFrames)
        wasSeen = false
        motion.rest()
    }

    /// Counts `frames` in which the picture stood still and showed what those before did: what was there for a moment only gains
    /// standing against what comes after, and what was not there loses it.
    mutating func stay(frames: Double, memory: Double) {
        let (before, weight) = (presence, Self.weight(frames: frames, memory: memory))
        presence += weight * (1 - presence)
        standing *= isHeld ? presence / before : 1 - weight
    }

    /// Takes over the detection that shows the object in the current frame.
    mutating func see(_ detection: Instance, tuning: Tuning) {
        follow(detection, tuning: tuning)
        standing += weight * Double(detection.score)
    }

    /// Takes over a detection that shows the object as another class. It is there, as what it is, but gains no standing.
    mutating func see(asOtherClass detection: Instance, tuning: Tuning) {
        var detection = detection
        (detection.categoryID, detection.category) = (lastSeen.categoryID, lastSeen.category)
        follow(detection, tuning: tuning)
    }

    private mutating func follow(_ detection: Instance, tuning: Tuning) {
        let doubt = 1 + tuning.noiseByScore * max(0, 1 - Double(detection.score))
        motion.correct(detection.box, noise: doubt, tuning: tuning)
        lastSeen = detection
        unseenFrames = 0
        misses = 0
        wasSeen = true
    }

    /// Says, where the track is seen, which one stood for its object.
    mutating func stand(behind other: Int?) {
        original = other
        sightings += 1
        // In its first frame the other may be as new, and have no identity yet.
        if sightings <= 2 { twin = other ?? twin }
    }

    /// Whether the two have been one object from the beginning of either: what passes by another object overlaps it for some frames, too.
    func isTwin(of other: Track) -> Bool {
        (twin != nil && twin == other.id) || (other.twin != nil && other.twin == id)
    }

    /// What the last `frames` weigh against all that were before.
    private static func weight(frames: Double, memory: Double) -> Double { 1 - exp(-frames / memory) }

    /// The object as it was last seen, under its identity.
    var held: Instance {
        var instance = lastSeen
        instance.trackID = id
        return instance
    }

    /// The object as it is expected now: its last detection, with box and mask carried along.
    var expected: Instance {
        var instance = lastSeen
        instance.trackID = id
        instance.box = motion.box
        instance.mask = expectedMask
        return instance
    }

    /// The last mask, moved as far as the centre of the box is expected to have moved.
    var expectedMask: Mask? {
        guard let mask = lastSeen.mask else { return nil }
        let (from, to) = (lastSeen.box, motion.box)
        // Far beyond any picture, so that a wild prediction still converts to a whole number.
        let limit: Float = 1e7
        let x = (to.x0 + to.x1 - from.x0 - from.x1) / 2
        let y = (to.y0 + to.y1 - from.y0 - from.y1) / 2
        return mask.shifted(x: Int(max(-limit, min(limit, x.rounded()))), y: Int(max(-limit, min(limit, y.rounded()))))
    }
}
