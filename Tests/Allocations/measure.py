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

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402

# The pool of tensors takes memory from the system by mprotect, which nothing else does once the threads run.
UNITS = {
    "pool": "pool allocations",
    "large": "blocks of 128 KiB or more",
    "large_bytes": "bytes in these",
    "blocks": "blocks of any size",
    "bytes": "bytes in these",
    "faults": "page faults",
}
# What a frame may cost, once settled. The pool and large blocks: nothing at all, since every tensor has its place in the pool by then, and
# one that had not would come again with every frame.
TENSORS = {"pool": 0, "large": 0}
# The C library takes a page for its own heaps now and then; less than 1 a frame was measured. A tensor that lost its memory between two
# frames would have hundreds.
FAULTS = 2
# Calls of operators and the results: 600 in the sample model with 50 objects, 1,300 in ResNet-50 with 100. One for each proposal or anchor,
# or for each row of every map, would be thousands more.
BLOCKS = 2000


def counts(segmentd, library, model, size, threshold, frames):
    """What a run of so many frames asks for in all, and how many objects each of them has."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "counts.json")
        command = [segmentd, "bench", "--size", size, "--repeat", str(frames), "--json"]
        command += ["--model", model] if model else []
        command += ["--threshold", str(threshold)] if threshold is not None else []
        environment = os.environ | {"LD_PRELOAD": str(library), "ALLOCATION_COUNTS": report}
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
        if not os.path.exists(report):
            sys.exit(f"{library} was not loaded: it has counted nothing")
        return json.loads(pathlib.Path(report).read_text()), json.loads(answer)["objects"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--library", required=True, type=pathlib.Path, help="count.c, built as a shared library")
    parser.add_argument("--model", help="a model; the sample model if not given")
    parser.add_argument("--size", default="640x360", help="the picture's size")
    parser.add_argument("--threshold", type=float, help="the score that an object must exceed, 0...1; the model's own if not given")
    parser.add_argument("--settled", type=positive, default=20, help="frames before the measured ones")
    parser.add_argument("--frames", type=positive, default=100, help="frames to measure")
    parser.add_argument("--faults", type=float, default=FAULTS, help="page faults a frame that are accepted")
    parser.add_argument("--blocks", type=float, default=BLOCKS, help="blocks a frame that are accepted")
    options = parser.parse_args()

    library = options.library.resolve()
    (first, objects), (second, again) = (
        counts(options.segmentd, library, options.model, options.size, options.threshold, frames)
        for frames in (options.settled, options.settled + options.frames)
    )
    if objects == 0 or objects != again:
        sys.exit(
            f"{objects} and {again} objects are found: without any, and with others each time, a frame's memory is not measured; "
            "give another --threshold or --size")
    # A run without these does not pass for one that needs nothing: setting up takes all of them.
    if missing := [UNITS[name] for name in ("blocks", "large", "pool") if first[name] == 0]:
        sys.exit(f"the library counts no {', no '.join(missing)}; was it loaded, and does segmentd still use what it counts?")
    per_frame = {name: (second[name] - first[name]) / options.frames for name in UNITS}
    print(f"{options.frames} frames after the first {options.settled}, each, with {objects} objects:")
    for name, unit in UNITS.items():
        print(f"{per_frame[name]:12.2f} {unit}")
    limits = {**TENSORS, "faults": options.faults, "blocks": options.blocks}
    broken = [f"{UNITS[name]}: {per_frame[name]:.2f} a frame" for name, limit in limits.items() if per_frame[name] > limit]
    if broken:
        sys.exit(f"more than is accepted: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
