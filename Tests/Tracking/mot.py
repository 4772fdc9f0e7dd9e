"""MOTChallenge text, and detections from segmentd's JSON lines."""

import json
from pathlib import Path


def read(path: Path) -> dict[int, list[list[float]]]:
    """Rows (frame, id, left, top, width, height, score, class, ...) by frame, from 1."""
    frames: dict[int, list[list[float]]] = {}
    for line in path.read_text().splitlines():
        if line.strip():
            row = [float(value) for value in line.split(",")]
            frames.setdefault(int(row[0]), []).append(row)
    return frames


def write(path: Path, frames: dict[int, list[list[float]]]) -> None:
    with path.open("w") as file:
        for frame in sorted(frames):
            for row in frames[frame]:
                file.write(",".join(f"{value:g}" if i < 2 else f"{value:.3f}" for i, value in enumerate(row)) + "\n")


def detections(path: Path, least_score: float) -> tuple[dict[int, list[list[float]]], int]:
    """What `segmentd annotate --json` found, identities forgotten, and the number of frames."""
    frames: dict[int, list[list[float]]] = {}
    count = 0
    for line in path.open():
        result = json.loads(line)
        if result.get("type") != "frame":
            continue
        count += 1
        frames[count] = [
            [count, -1, *found["bbox"], found["score"], found["category_id"], -1, -1]
            for found in result["objects"]
            if found["score"] >= least_score
        ]
    return frames, count
