#!/usr/bin/env python3
"""Writes what pycocotools answers, into coco/ beside this script, for the tests of COCO.

Needs pycocotools and numpy in the versions of Tests/Evaluation/requirements.txt.

polygons.json       Random polygons with the run lengths of frPyObjects and merge: [width, height, polygons, counts] each.
annotations.json    A random data set: crowds, all three forms of segmentation, ties, empty images, a category without objects.
results.json        Results for it.
figures.json        COCOeval's figures, 12 for boxes and 12 for masks, and numpy's numbers for overlaps and recalls.
"""

import json
import pathlib
import sys

import numpy as np
from pycocotools import mask as coco_mask

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "Evaluation"))
from compare import reference  # noqa: E402
from scenes import polygon, scene  # noqa: E402

FOLDER = HERE / "coco"


def save(name, lines, form="[\n{}\n]\n"):
    path = FOLDER / name
    path.write_text(form.format(",\n".join(lines)))
    print(f"{path.name:20} {path.stat().st_size:8}")


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def polygons(count=2500, seed=20):
    random = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        # Mostly small pictures, so that edges of pictures matter and the file stays small.
        width, height = (int(side) for side in random.integers(1, 300 if number % 50 == 0 else 36, 2))
        parts = [polygon(random, width, height) for _ in range(1 if random.random() < 0.6 else random.integers(2, 5))]
        if random.random() < 0.05:
            # A corner twice, and a polygon without an inside.
            parts[-1] = parts[-1][:4] + parts[-1][2:]
        if random.random() < 0.05:
            parts.append(parts[-1][:4] + parts[-1][:2])
        rle = coco_mask.merge(coco_mask.frPyObjects(parts, height, width))
        lines.append(compact([width, height, parts, rle["counts"].decode()]))
    save("polygons.json", lines)


def evaluation(seed=8):
    data, results = scene(seed, images=14)
    figures = reference(data, results)
    save("annotations.json", [compact({key: value})[1:-1] for key, value in data.items()], "{{{}}}\n")
    save("results.json", [compact(one) for one in results])
    save("figures.json", [f'"{kind}":{compact(stats)}' for kind, (stats, _) in figures.items()] + [
        f'"overlaps":{compact(np.linspace(0.5, 0.95, 10).tolist())}',
        f'"recalls":{compact(np.linspace(0, 1, 101).tolist())}'], "{{\n{}\n}}\n")


FOLDER.mkdir(exist_ok=True)
polygons()
evaluation()
