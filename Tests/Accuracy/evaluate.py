"""Compares the accuracy of the sample model in segmentd, in every precision, with that of the same weights in torchvision, on scenes that
it has never seen."""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from safetensors import safe_open

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS))
from average_precision import KINDS, average_precision  # noqa: E402
from option_types import positive  # noqa: E402
from scaled_mask_rcnn import build, read_configuration  # noqa: E402

# Average precision, 0...1: what equal answers may differ by, and what the sample model reaches at least.
DIFFERENCE = 0.002
LEAST_MASK = 0.73
# What fewer bits may cost of it.
LOSSES = {"bf16": 0.005, "int8": 0.01}


def run(*words):
    # bfloat16 is computed the same, and slowly, where the processor has no instructions for it.
    environment = {**os.environ, "SEGMENTD_BF16": "emulated"}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words[:8]))}\n{done.stderr}")


def load(path):
    """torchvision's model of a file that holds weights and their configuration."""
    with safe_open(path, "pt") as file:
        model = build(read_configuration(file.metadata()["configuration"]))
        names = model.load_state_dict({name: file.get_tensor(name) for name in file.keys()}, strict=False)
    missing = [name for name in names.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or names.unexpected_keys:
        sys.exit(f"{path} is not a model of torchvision's: missing {missing[:5]}, unexpected {names.unexpected_keys[:5]}")
    return model.eval()


def of_torchvision(model, path, image_id):
    """COCO results of one picture."""
    picture = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        output = model([picture])[0]
    results = []
    for box, label, score, mask in zip(output["boxes"], output["labels"], output["scores"], output["masks"]):
        x0, y0, x1, y1 = box.tolist()
        results.append({
            "image_id": image_id, "category_id": int(label), "score": float(score), "bbox": [x0, y0, x1 - x0, y1 - y0],
            "segmentation": coco_mask.encode(np.asfortranarray((mask[0] > 0.5).numpy(), dtype=np.uint8)),
        })
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--calibrate", type=pathlib.Path, required=True, help="the video that int8 is calibrated on")
    parser.add_argument("--images", type=positive, default=200)
    parser.add_argument("--seed", type=int, default=9001, help="of the scenes; the model has learnt from lower ones")
    parser.add_argument("--threads", type=positive, default=2, help="of torchvision")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    segmentd = options.segmentd.resolve()

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run(segmentd, "synthesize", "--output", folder / "data", "--images", options.images, "--seed", options.seed)
        annotations = next((folder / "data").rglob("annotations.json"))
        with contextlib.redirect_stdout(sys.stderr):
            truth = COCO(annotations)
        images = truth.loadImgs(sorted(truth.getImgIds()))
        found = {path.name: path for path in annotations.parent.rglob("*") if path.is_file()}
        paths = [found[pathlib.Path(image["file_name"]).name] for image in images]

        calibrated = folder / "calibrated.safetensors"
        run(segmentd, "model", "quantize", options.model, "--calibrate", options.calibrate, "--output", calibrated)
        results = {}
        for name in ("fp32", *LOSSES):
            run(
                segmentd, "detect", *paths, "--model", calibrated, "--precision", name, "--threshold", 0.05, "--output",
                folder / "results.json")
            ours = json.loads((folder / "results.json").read_text())
            # Pictures are numbered as they stand in the call.
            results[name] = [{**one, "image_id": images[one["image_id"] - 1]["id"]} for one in ours]
        model = load(options.model)
        results["torchvision"] = [
            one for image, path in zip(images, paths) for one in of_torchvision(model, path, image["id"])]
        figures = {name: average_precision(truth, found) for name, found in results.items()}

    print(f"{len(images)} pictures of seed {options.seed}; average precision, overlaps 0.50 to 0.95")
    print(f"{'':12} {'box':>8} {'mask':>8} {'detections':>11}")
    for name, row in figures.items():
        print(f"{name:12} {row['box']:8.4f} {row['mask']:8.4f} {len(results[name]):11}")
    differences = {kind: figures["fp32"][kind] - figures["torchvision"][kind] for kind in KINDS}
    more = len(results["fp32"]) - len(results["torchvision"])
    print(f"{'difference':12} {differences['box']:+8.4f} {differences['mask']:+8.4f} {more:+11}")
    apart = [f"{kind} AP differs by more than {DIFFERENCE}" for kind in KINDS if abs(differences[kind]) > DIFFERENCE]
    for name, most in LOSSES.items():
        losses = {kind: figures["fp32"][kind] - figures[name][kind] for kind in KINDS}
        print(f"{name + ' loses':12} {losses['box']:8.4f} {losses['mask']:8.4f}")
        # Else fewer bits were never used, and there is nothing to lose.
        if results[name] == results["fp32"]:
            apart.append(f"{name} finds the same as fp32 to the last digit, so it was not computed in {name}")
        apart += [f"{name} loses more than {most} {kind} AP" for kind in KINDS if losses[kind] > most]
    if figures["fp32"]["mask"] < LEAST_MASK:
        apart.append(f"mask AP is below {LEAST_MASK}")
    print(*apart, sep="\n", end="\n" if apart else "")
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
