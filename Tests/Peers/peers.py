"""Times Mask R-CNN in segmentd and in other runtimes for the CPU, in turns, on this computer.

Each row is one model and one frame, which all have in common, and a table. `fp32`, `reduced` and `avx2` take ResNet-50 with FPN, random
weights and a frame of 640x480 in which a hundred objects are found; `sample` takes the sample model and a frame of its video. A turn is
a process, which warms up with one frame. The figures are the median of the turns' medians, the least and the most of all frames, and the
most memory a process has had.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
from importlib.metadata import version

from table import processor, show
from turns import Peer, Segmentd, environment

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from option_types import positive  # noqa: E402


@dataclasses.dataclass
class Row:
    subject: str  # of subjects.py
    entrants: list
    frames: int = 1  # where --repeat says one; more of a quick model


def rows(segmentd):
    """Every row, by name. In each the first one is segmentd."""
    torchvision = Peer("torchvision", "torchvision", masks="pasted")
    onnxruntime, openvino = Peer("ONNX Runtime", "onnxruntime"), Peer("OpenVINO", "openvino")
    reduced = Peer("OpenVINO, bf16 hint", "openvino", "bf16")
    return {
        "fp32": Row("resnet50", [Segmentd("segmentd", segmentd), torchvision, onnxruntime, openvino]),
        "reduced": Row("resnet50", [
            Segmentd("segmentd bf16", segmentd, "bf16"), Segmentd("segmentd int8", segmentd, "int8"), reduced,
        ]),
        "sample": Row("sample", [Segmentd("segmentd", segmentd), torchvision, onnxruntime, openvino], frames=10),
        "avx2": Row("resnet50", [
            Segmentd("segmentd avx2", segmentd, environment={"SEGMENTD_SIMD": "avx2"}),
            Peer("OpenVINO avx2", "openvino", environment={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
        ]),
    }


def prepare(segmentd, subject, options):
    """The folder of a subject's model and frame."""
    name = f"resnet50-seed{options.seed}-threshold{options.threshold:g}" if subject == "resnet50" else subject
    folder = options.cache / name
    words = ["--segmentd", segmentd, "--subject", subject, "--folder", folder, "--seed", options.seed, "--threshold", options.threshold]
    command = [sys.executable, HERE / "subjects.py", *map(str, words)]
    if subprocess.run(command, stdout=sys.stderr, env=environment()).returncode != 0:
        sys.exit(f"{folder} could not be made")
    # Another segmentd may quantize in another way.
    (folder / "int8.safetensors").unlink(missing_ok=True)
    return folder


def check(expected, folder, row, turns, threads):
    """Ends the program unless all have found what was expected."""
    found = {}
    for one in row.entrants:
        turn = turns[one.name][0]
        # One that lacks a precision on this processor runs in fp32, and is held to that.
        found[one.name] = {**(turn.found if one.peer else one.find(folder, threads)), "reduced": turn.kind != "fp32"}
    done = subprocess.run(
        [sys.executable, HERE / "agreement.py"], input=json.dumps({"expected": expected, "found": found}), text=True,
        capture_output=True)
    if done.returncode != 0:
        sys.exit(f"not the same work:\n{done.stdout}{done.stderr}")


def measure(name, row, segmentd, options):
    """Takes the turns of a row; returns them by entrant, and how many objects all of them have found."""
    folder = prepare(segmentd, row.subject, options)
    # What segmentd finds in single precision is what all have to find.
    expected = Segmentd("segmentd", segmentd).find(folder, options.threads)
    objects = len(expected["results"])
    if objects == 0:
        sys.exit(f"{name}: nothing is found in {folder / 'frame.png'}, which is less work than a frame is")
    turns = {one.name: [] for one in row.entrants}
    for i in range(options.rounds):
        # Another one begins each round, so that what one leaves behind, such as a hot processor, does not always meet the same one.
        start = i % len(row.entrants)
        for one in row.entrants[start:] + row.entrants[:start]:
            print(f"{name}: round {i + 1} of {options.rounds}, {one.name}", file=sys.stderr)
            turn = one.take(folder, options.repeat * row.frames, options.threads)
            if turn.objects != objects:
                sys.exit(f"not the same work: {one.name} finds {turn.objects} objects while it is timed, and not {objects}")
            turns[one.name].append(turn)
        if i == 0:
            check(expected, folder, row, turns, options.threads)
    return turns, objects


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="where models are kept from one run to the next")
    parser.add_argument("--rows", nargs="+", choices=rows(None), default=list(rows(None)))
    parser.add_argument("--rounds", type=positive, default=3, help="turns of each")
    parser.add_argument("--repeat", type=positive, default=5, help="frames of a turn, and ten times as many of the sample model")
    parser.add_argument("--threads", type=positive, default=2, help="of each")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights and their picture")
    parser.add_argument(
        "--threshold", type=float, default=0.05,
        help="of the scores that count with random weights; at 0, 90,000 candidates go into the suppression, which takes some "
        "runtimes seconds, and at 0.05, a model's usual one, 2,000, with the same detections")
    parser.add_argument("--json", type=pathlib.Path, help="a file for the figures of every turn")
    options = parser.parse_args()
    segmentd = options.segmentd.resolve()
    name, simd = processor()
    versions = {package: version(package) for package in ("torch", "torchvision", "onnxruntime", "openvino")}
    print(f"{name}, {' '.join(simd)}; {options.threads} threads")
    print(", ".join(f"{package} {number}" for package, number in versions.items()))

    raw = {"processor": name, "simd": simd, "versions": versions, "rows": {}}
    raw["options"] = {key: getattr(options, key) for key in ("rounds", "repeat", "threads", "seed", "threshold")}
    for key in options.rows:
        row = rows(segmentd)[key]
        turns, objects = measure(key, row, segmentd, options)
        what = f"ResNet-50 FPN, 640x480, threshold {options.threshold:g}" if row.subject == "resnet50" else "sample model, 640x360"
        print(f"\n{key}: {what}, {objects} objects, {options.rounds} rounds of {options.repeat * row.frames} frames")
        show(row.entrants, turns)
        sys.stdout.flush()
        raw["rows"][key] = {
            "turns": {one: [dataclasses.asdict(dataclasses.replace(turn, found=None)) for turn in taken] for one, taken in turns.items()},
        }
        if options.json:
            options.json.write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
