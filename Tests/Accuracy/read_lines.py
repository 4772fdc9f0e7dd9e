"""Reads the JSON lines of an annotated video with pycocotools, every object of every frame, and checks what they say of the masks."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--video", required=True)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines.jsonl"
        subprocess.run(
            [arguments.segmentd, "annotate", arguments.video, "--model", arguments.model, "--json", lines, "--quiet"],
            check=True)
        frames = [json.loads(line) for line in lines.read_text().splitlines()]

    wrong, results, categories = [], [], {}
    for frame in frames:
        for thing in frame["objects"]:
            pixels = coco_mask.decode(thing["segmentation"])
            if pixels.shape != (frame["height"], frame["width"]) or pixels.sum() != thing["area"]:
                wrong.append((frame["frame"], thing.get("track_id")))
            x, y, w, h = thing["bbox"]
            if w <= 0 or h <= 0 or x < 0 or y < 0 or x + w > frame["width"] + 0.01 or y + h > frame["height"] + 0.01:
                wrong.append((frame["frame"], thing.get("track_id")))
            categories[thing["category_id"]] = thing["category"]
            results.append({**thing, "image_id": frame["frame"]})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": f["frame"], "width": f["width"], "height": f["height"]} for f in frames],
        "categories": [{"id": key, "name": name} for key, name in categories.items()], "annotations": [],
    }
    truth.createIndex()
    loaded = truth.loadRes(results)
    total = numpy.sum([annotation["area"] for annotation in loaded.dataset["annotations"]])
    print(f"{len(frames)} lines, {len(loaded.dataset['annotations'])} of {len(results)} objects read, "
          f"{total:.0f} pixels of masks, {len(wrong)} wrong")
    sys.exit(bool(wrong) or not results)


if __name__ == "__main__":
    main()
