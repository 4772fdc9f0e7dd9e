"""Other trackers on the same detections."""

import warnings
from collections.abc import Callable

import numpy

warnings.filterwarnings("ignore")
import supervision  # noqa: E402
import trackers  # noqa: E402

Frames = dict[int, list[list[float]]]


def bytetrack(buffer: int):
    """The authors' algorithm; its new_track_thresh is the activation threshold + 0.1."""
    return supervision.ByteTrack(
        track_activation_threshold=0.5,
        lost_track_buffer=buffer,
        minimum_matching_threshold=0.8,
        # The buffer is in frames at 30 a second; told this rate, it stays what it says.
        frame_rate=30,
    ).update_with_detections


def bytetrack_of_trackers(buffer: int):
    return trackers.ByteTrackTracker(
        high_conf_det_threshold=0.5, track_activation_threshold=0.6, lost_track_buffer=buffer, frame_rate=30
    ).update


def run(make: Callable, detections: Frames, frames: int, buffer: int, by_class: bool) -> Frames:
    """Tracks of one video; by_class runs a tracker for every class, so that none takes over another's object."""
    machines: dict[int, Callable] = {}
    classes = sorted({int(row[7]) for rows in detections.values() for row in rows}) if by_class else [0]
    tracks: Frames = {}
    for frame in range(1, frames + 1):
        for kind in classes:
            rows = [row for row in detections.get(frame, []) if not by_class or int(row[7]) == kind]
            boxes = numpy.array([[r[2], r[3], r[2] + r[4], r[3] + r[5]] for r in rows], numpy.float32)
            if kind not in machines:
                machines[kind] = make(buffer)
            found = machines[kind](
                supervision.Detections(
                    xyxy=boxes.reshape(-1, 4),
                    confidence=numpy.array([row[6] for row in rows], numpy.float32),
                    class_id=numpy.array([row[7] for row in rows], int),
                )
            )
            if found.tracker_id is None:
                continue
            for (x0, y0, x1, y1), identity in zip(found.xyxy, found.tracker_id):
                if identity >= 0:
                    tracks.setdefault(frame, []).append(
                        # Identities of different classes' trackers must differ.
                        [frame, int(identity) * 1000 + kind, x0, y0, x1 - x0, y1 - y0, 1, 1, -1, -1]
                    )
    return tracks
