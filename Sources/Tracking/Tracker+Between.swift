import Instances

/// Frames that the detector does not see.
extension Tracker {
    /// The confirmed objects of the last frame as they are expected at another time, with boxes and masks carried along;
    /// the tracker is left as it is.
    ///
    /// Boxes may reach beyond the picture. Nothing is expected any more after `track_buffer` frames.
    public func predicted(at seconds: Double) -> [Instance] {
        let frames = framesElapsed(at: seconds)
        guard frames <= Double(configuration.trackBuffer) else { return [] }
        return withoutDuplicates(
            tracks.compactMap { track in
                guard track.id != nil, track.unseenFrames == 0 else { return nil }
                var track = track
                track.predict(frames: frames, tuning: tuning)
                return track.expected
            })
    }

    /// The objects that `predicted(at:)` expects, as a record of a picture can have them: boxes end where the picture does, and
    /// what has left it, by its box or by its mask, is left out.
    ///
    /// - Parameters:
    ///   - seconds: The frame's presentation time.
    ///   - width: The picture's width, pixels.
    ///   - height: The picture's height, pixels. A mask of a picture of another size is left out.
    public func predicted(at seconds: Double, width: Int, height: Int) -> [Instance] {
        predicted(at: seconds).compactMap { $0.clipped(width: width, height: height) }
    }

    /// Takes in one frame of a scene that stands still, and returns the objects of the last frame as they were.
    ///
    /// Time goes on without motion or ageing, so that identities outlive a stillness of any length. What moved before has come
    /// to rest.
    public mutating func hold(at seconds: Double) -> [Instance] {
        guard let lastTime else { return [] }
        self.lastTime = seconds.isFinite ? seconds : lastTime + frameInterval
        for index in tracks.indices { tracks[index].rest() }
        return withoutDuplicates(
            tracks.compactMap { track in track.id != nil && track.unseenFrames == 0 ? track.held : nil })
    }

    /// Whether a confirmed object that the last frame showed moves, beyond what the detector's errors look like.
    public var seesMotion: Bool {
        tracks.contains { track in
            track.id != nil && track.unseenFrames == 0
                && track.isMoving(frameInterval: frameInterval, tuning: tuning)
        }
    }
}

extension Instance {
    /// The object as far as it is in a picture of this size; nil where nothing of it is.
    fileprivate func clipped(width: Int, height: Int) -> Instance? {
        var clipped = self
        clipped.box = Box(
            x0: max(0, box.x0), y0: max(0, box.y0), x1: min(Float(width), box.x1), y1: min(Float(height), box.y1))
        guard clipped.box.width > 0, clipped.box.height > 0 else { return nil }
        guard let mask else { return clipped }
        guard mask.width == width, mask.height == height else {
            clipped.mask = nil
            return clipped
        }
        // One run is background all through.
        return mask.runs.count > 1 ? clipped : nil
    }
}
