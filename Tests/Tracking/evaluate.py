"""Tracks held-out synthetic videos with segmentd and with other trackers, and prints their metrics side by side."""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import mot
import peers
import scoring

# Detections that a tracker may use at all; ByteTrack's lower bound is fixed at this.
LEAST_SCORE = 0.1
BUFFERS = (30, 60)


def command(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")


def once(path: Path, make) -> Path:
    """The file, made unless it is there already and whole."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name("part-" + path.name)
        make(part)
        part.rename(path)
    return path


def video(segmentd: Path, folder: Path, seed: int, seconds: float) -> tuple[Path, Path]:
    """The video of a seed and its true tracks."""
    done = folder / "scene"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        command(segmentd, "synthesize", "--output", folder, "--videos", 1, "--seconds", seconds, "--seed", seed)
        done.touch()
    return next(folder.rglob("*.mp4")), next(folder.rglob("gt.txt"))


def row(name: str, found: dict[str, float]) -> str:
    values = (f"{value:9.2f}" if key in scoring.NAMES[:5] else f"{value:9.0f}" for key, value in found.items())
    return f"{name:36}" + "".join(values)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--segmentd", type=Path, required=True)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--cache", type=Path, required=True)
    options.add_argument("--seed", type=int, default=9000, help="of the first video")
    options.add_argument("--videos", type=int, default=8)
    options.add_argument("--seconds", type=float, default=12)
    given = options.parse_args()
    # Detections and tracks depend on the program and the model; the videos on the program.
    given.segmentd = given.segmentd.resolve()
    digest = hashlib.sha256(given.segmentd.read_bytes() + given.model.read_bytes()).hexdigest()[:12]

    results: dict[str, list] = {}
    for seed in range(given.seed, given.seed + given.videos):
        folder = given.cache / digest / str(seed)
        source, truth_file = video(given.segmentd, folder, seed, given.seconds)
        annotate = [given.segmentd, "annotate", source, "--model", given.model]
        found = once(
            folder / "detections.jsonl",
            lambda part: command(
                # The model's own: what shows one object as two classes is left in, for every tracker.
                *annotate, "--json", part, "--threshold", LEAST_SCORE, "--duplicate-thresh", 1),
        )
        tracked = once(folder / "segmentd.txt", lambda part: command(*annotate, "--mot", part, "--threshold", 0.5))
        truth = mot.read(truth_file)
        detections, frames = mot.detections(found, LEAST_SCORE)
        by_name = {"segmentd annotate": mot.read(tracked)}
        det = folder / "det.txt"
        mot.write(det, detections)
        for buffer in BUFFERS:
            boxes = folder / f"boxes-{buffer}.txt"
            command(given.segmentd, "track", det, "--output", boxes, "--track-buffer", buffer)
            by_name[f"segmentd track, buffer {buffer}"] = mot.read(boxes)
            for name, make in (
                ("ByteTrack (supervision)", peers.bytetrack),
                ("ByteTrack (trackers)", peers.bytetrack_of_trackers),
            ):
                for by_class in (False, True):
                    label = f"{name}, {'by class, ' if by_class else ''}{buffer}"
                    by_name[label] = peers.run(make, detections, frames, buffer, by_class)
        for name, tracks in by_name.items():
            results.setdefault(name, []).append((truth, tracks, frames))
        print(f"video of seed {seed}: {frames} frames", file=sys.stderr)

    print(f"{'':36}" + "".join(f"{name:>9}" for name in scoring.NAMES))
    for name, videos in results.items():
        print(row(name, scoring.score(videos)))


if __name__ == "__main__":
    main()
