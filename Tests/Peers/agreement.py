"""Checks that all have found the same in the frame, so that none is timed on other work. Reads the detections as JSON on stdin."""

import json
import pathlib
import statistics
import sys

import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Parity"))
from compare import Found, match, of_results  # noqa: E402

# In single precision: the share of the detections that must have a counterpart, and how far those may be apart. Order of summation and
# Winograd's transforms round differently in each runtime, and in a network of random weights more so than in a trained one.
SHARE = 0.97
BOX = 0.5  # pixels
SCORE = 1e-3
# In less than that, random weights leave a detector little to agree on: of the best detections, so many.
BEST = 20
REDUCED_SHARE = 0.6
REDUCED_SCORE = 0.05  # of a typical one of them


def read(one):
    """Of COCO results, or of arrays whose boxes are those of an enlarged frame."""
    if "results" in one:
        return of_results(one["results"], 1)
    boxes = torch.tensor(one["boxes"], dtype=torch.float64).reshape(-1, 4)
    boxes /= torch.tensor(one["enlarged"] * 2, dtype=torch.float64)
    return Found(boxes, torch.tensor(one["scores"], dtype=torch.float64), torch.tensor(one["labels"], dtype=torch.int64), [])


def difference(expected, found, reduced):
    """What is wrong with what was found; empty if nothing is."""
    if len(found.scores) != len(expected.scores) or not len(expected.scores):
        return f"{len(found.scores)} detections instead of {len(expected.scores)}"
    pairs = match(expected, found)
    if reduced:
        pairs = [(i, j) for i, j in pairs if i < BEST]
    count = min(BEST, len(expected.scores)) if reduced else len(expected.scores)
    if len(pairs) < (REDUCED_SHARE if reduced else SHARE) * count:
        return f"{len(pairs)} of the {count} best detections have a counterpart"
    scores = [abs(float(expected.scores[i] - found.scores[j])) for i, j in pairs]
    boxes = [float((expected.boxes[i] - found.boxes[j]).abs().max()) for i, j in pairs]
    if reduced:
        return f"scores are {statistics.median(scores):.3f} apart" if statistics.median(scores) > REDUCED_SCORE else ""
    return f"a score is {max(scores):.5f} apart, a box {max(boxes):.3f} pixels" if max(scores) > SCORE or max(boxes) > BOX else ""


def main():
    given = json.load(sys.stdin)
    expected = read(given["expected"])
    wrong = {name: difference(expected, read(one), one["reduced"]) for name, one in given["found"].items()}
    print(*(f"{name}: {what}" for name, what in wrong.items() if what), sep="\n", end="")
    sys.exit(1 if any(wrong.values()) else 0)


if __name__ == "__main__":
    main()
