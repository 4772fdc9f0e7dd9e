/// The tracker's constants that are not for users: chosen by measurement on simulated and synthetic scenes.
struct Tuning: Sendable {
    /// The detector's error on a sure detection: standard deviation of a box's centre and sides over its size.
    var measurementNoise = 0.03
    /// How much the error grows for the score that is missing to 1: an object half hidden scores low, and its box, seen in
    /// part, says little about where its centre is going.
    var noiseByScore = 30.0
    /// Random walk of the position: standard deviation after one frame, over the size.
    var positionNoise = 0.05
    /// Random walk of the velocity: standard deviation after one frame, over the size, in pixels a frame.
    var velocityNoise = 0.003
    /// Standard deviation of a new track's velocity over its size, in pixels a frame.
    var initialVelocity = 0.0625
    /// The cost below which a low-score detection may continue a track (second pass).
    var lowMatch = 0.8
    /// The cost below which a detection may confirm a new track.
    var tentativeMatch = 0.7
    /// The part of the mask's IoU in the similarity, against the box's, where both have one.
    var maskWeight = 0.25
    /// The cost below which a sure detection may continue a track in the third pass, by expanded boxes or containment.
    var rescueMatch = 0.9
    /// How far boxes reach beyond their sides in the third pass, over the sides.
    var expansion = 0.3
    /// How much further for each frame in which the track was not seen.
    var expansionPerFrame = 0.03
    /// Up to this in all.
    var greatestExpansion = 2.0
    /// The smaller over the greater area below which expanded boxes are not compared.
    var leastAreaRatio = 0.5
    /// The weight of the part of the smaller box that lies in the greater: an object that comes out from behind another
    /// shows a part of itself, inside of where it is expected.
    var containment = 0.7
    /// Updates in a row that a track survives unseen where updates are rare.
    var missesSurvived = 3.5
    /// The part of the time between the last motion and a stillness in which a track may be unseen and still be there during it. Less
    /// than all of it, so that what left the scene with the last motion is gone.
    var heldUnseen = 0.5
    /// Frames over which scores decide which of two classes an object is ...
    var standingMemory = 30.0
    /// ... and updates, where those are rare.
    var standingUpdates = 10.0
    /// How many times the standing of the class that an object had of late another must have to be what it is now.
    var standingMargin = 1.15
}
