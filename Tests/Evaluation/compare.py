"""Compares the figures of `segmentd evaluate` with those of pycocotools on random data sets."""

import argparse
import contextlib
import copy
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from scenes import scene

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS))
from option_types import positive  # noqa: E402

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
KINDS = {"box": "bbox", "mask": "segm"}
# Figures are sums of the same quotients in another order, and written with nine decimals.
TOLERANCE = 1e-6


def reference(data, results):
    """pycocotools' figures, over all categories and of each one."""
    figures = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, kind in KINDS.items():
            # It writes into what it is given.
            truth = COCO()
            truth.dataset = copy.deepcopy(data)
            truth.createIndex()
            evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            precision = evaluation.eval["precision"][:, :, :, 0, 2]
            by_category = {}
            for place, category in enumerate(evaluation.params.catIds):
                counted = precision[:, :, place][precision[:, :, place] > -1]
                by_category[int(category)] = float(counted.mean()) if counted.size else -1.0
            figures[name] = [float(value) for value in evaluation.stats], by_category
    return figures


def measured(segmentd, annotations, *words):
    done = subprocess.run(
        [segmentd, "evaluate", "--annotations", annotations, *words, "--json", "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"segmentd evaluate {annotations} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def differences(expected, found):
    """The greatest difference, and words for everything that is apart."""
    greatest, apart = 0.0, []

    def compare(what, theirs, ours):
        nonlocal greatest
        difference = abs(theirs - (-1.0 if ours is None else ours))
        greatest = max(greatest, difference)
        if not difference <= TOLERANCE:
            apart.append(f"{what}: pycocotools {theirs:.9f}, segmentd {ours}")

    for kind, (stats, by_category) in expected.items():
        for name, value in zip(NAMES, stats):
            compare(f"{kind} {name}", value, found[kind][name])
        for entry in found["categories"]:
            compare(f"{kind} AP of category {entry['id']}", by_category[entry["id"]], entry[kind]["AP"])
    if {entry["id"] for entry in found["categories"]} != set(expected["box"][1]):
        apart.append("the categories are others")
    return greatest, apart


def compare_scene(segmentd, folder, seed, images):
    data, results = scene(seed, images)
    if not results:
        return None
    (folder / "annotations.json").write_text(json.dumps(data))
    (folder / "results.json").write_text(json.dumps(results))
    found = measured(segmentd, folder / "annotations.json", "--results", folder / "results.json")
    return differences(reference(data, results), found)


def compare_model(segmentd, folder, model):
    """What the model itself finds, written to a file on the way, has the same figures there."""
    subprocess.run(
        [segmentd, "synthesize", "--output", folder / "data", "--images", "20", "--seed", "9001", "--quiet"], check=True,
        stdout=subprocess.DEVNULL)
    annotations = folder / "data" / "annotations.json"
    found = measured(
        segmentd, annotations, "--images", folder / "data" / "images", "--model", model, "--output", folder / "found.json")
    return differences(
        reference(json.loads(annotations.read_text()), json.loads((folder / "found.json").read_text())), found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=positive, default=60)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--images", type=positive, default=12, help="of each data set")
    options = parser.parse_args()
    segmentd = options.segmentd.resolve()
    failed, compared, greatest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cases = [(f"seed {seed}", seed) for seed in range(options.first_seed, options.first_seed + options.seeds)]
        for name, seed in [*cases, ("the model", None)]:
            outcome = (
                compare_model(segmentd, folder, options.model) if seed is None
                else compare_scene(segmentd, folder, seed, options.images))
            if outcome is None:
                continue
            compared += 1
            difference, apart = outcome
            greatest = max(greatest, difference)
            if apart:
                failed += 1
                print(f"{name}:", *apart, sep="\n  ")
    print(f"{compared} data sets, of which {failed} have other figures; the greatest difference is {greatest:.1e}")
    sys.exit(1 if failed or compared < options.seeds * 0.8 else 0)


if __name__ == "__main__":
    main()
