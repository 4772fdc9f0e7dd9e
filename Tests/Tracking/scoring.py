"""HOTA, MOTA and IDF1 of tracks against the truth, by TrackEval; classes play no part."""

import contextlib
import io

import numpy
import trackeval

Frames = dict[int, list[list[float]]]
NAMES = ["HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "Frag", "FP", "FN"]


def overlaps(a: list[list[float]], b: list[list[float]]) -> numpy.ndarray:
    """IoU of every box of a with every box of b, [len(a), len(b)]."""
    first = numpy.array([row[2:6] for row in a]).reshape(-1, 1, 4)
    second = numpy.array([row[2:6] for row in b]).reshape(1, -1, 4)
    low = numpy.maximum(first[..., :2], second[..., :2])
    high = numpy.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    both = (high - low).clip(0).prod(-1)
    either = first[..., 2:].prod(-1) + second[..., 2:].prod(-1) - both
    return both / either.clip(1e-9)


def sequence(truth: Frames, tracks: Frames, frames: int) -> dict:
    """One video in the form that TrackEval's metrics take."""
    truth_ids: dict[int, int] = {}
    track_ids: dict[int, int] = {}
    data: dict = {"gt_ids": [], "tracker_ids": [], "similarity_scores": [], "num_timesteps": frames}
    for frame in range(1, frames + 1):
        real, found = truth.get(frame, []), tracks.get(frame, [])
        for key, rows, ids in (("gt_ids", real, truth_ids), ("tracker_ids", found, track_ids)):
            data[key].append(numpy.array([ids.setdefault(int(row[1]), len(ids)) for row in rows], int))
        data["similarity_scores"].append(overlaps(real, found))
    return data | {
        "num_gt_ids": len(truth_ids),
        "num_tracker_ids": len(track_ids),
        "num_gt_dets": sum(map(len, data["gt_ids"])),
        "num_tracker_dets": sum(map(len, data["tracker_ids"])),
    }


def score(videos: list[tuple[Frames, Frames, int]]) -> dict[str, float]:
    """The metrics over all videos (truth, tracks, number of frames) together; fractions in percent."""
    data = [sequence(*video) for video in videos]
    found: dict = {}
    # TrackEval prints its settings whether one wants to know them or not.
    with contextlib.redirect_stdout(io.StringIO()):
        for metric in (trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(), trackeval.metrics.Identity()):
            each = {str(number): metric.eval_sequence(item) for number, item in enumerate(data)}
            found |= metric.combine_sequences(each)
    percent = {name: 100 * float(numpy.mean(found[name])) for name in NAMES[:5]}
    counts = {name: float(found[key]) for name, key in zip(NAMES[5:], ("IDSW", "Frag", "CLR_FP", "CLR_FN"))}
    return percent | counts
