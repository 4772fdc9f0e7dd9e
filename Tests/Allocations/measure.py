"""Measures what a frame costs the memory allocator once the detector has seen some, and fails where it is not next to nothing.

Two runs of `segmentd bench` that differ by `--frames` frames differ by what these frames have cost.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# The pool of tensors takes memory from the system by mprotect, which nothing else does once the threads run.
UNITS = {
    "pool": "pool allocations",
    "large": "blocks of 128 KiB or more",
    "large_bytes": "bytes in these",
    "blocks": "blocks of any size",
    "bytes": "bytes in these",
    "faults": "page faults",
}


def counts(segmentd, library, model, size, frames):
    """What a run of so many frames asks for in all."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "counts.json")
        command = [segmentd, "bench", "--size", size, "--repeat", str(frames), "--json"]
        command += ["--model", model] if model else []
        environment = os.environ | {"LD_PRELOAD": str(library), "ALLOCATION_COUNTS": report}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return json.loads(pathlib.Path(report).read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--library", required=True, type=pathlib.Path, help="count.c, built as a shared library")
    parser.add_argument("--model", help="a model; the sample model if not given")
    parser.add_argument("--size", default="640x360", help="the picture's size")
    parser.add_argument("--settled", type=int, default=20, help="frames before the measured ones")
    parser.add_argument("--frames", type=int, default=100, help="frames to measure")
    parser.add_argument("--faults", type=float, default=2, help="page faults a frame that are accepted")
    parser.add_argument("--blocks", type=float, default=6000, help="blocks a frame that are accepted")
    options = parser.parse_args()

    library = options.library.resolve()
    first, second = (
        counts(options.segmentd, library, options.model, options.size, frames)
        for frames in (options.settled, options.settled + options.frames)
    )
    per_frame = {name: (second[name] - first[name]) / options.frames for name in UNITS}
    print(f"{options.frames} frames after the first {options.settled}, each:")
    for name, unit in UNITS.items():
        print(f"{per_frame[name]:12.2f} {unit}")
    limits = {"pool": 0, "large": 0, "faults": options.faults, "blocks": options.blocks}
    broken = [f"{UNITS[name]}: {per_frame[name]:.2f} a frame" for name, limit in limits.items() if per_frame[name] > limit]
    if broken:
        sys.exit(f"more than is accepted: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
