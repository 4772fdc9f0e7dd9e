"""Trains the sample model on synthesized scenes, on the CPU, and writes its state_dict.

The learning rate follows the clock: it rises for the first minute and falls along a cosine to zero when the minutes asked
for are over, so that a slow machine gets a worse model but not a longer wait.
"""

import argparse
import copy
import io
import json
import math
import os
import random
import time

import numpy as np
import torch
from PIL import Image, ImageFilter
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.transforms.functional import to_tensor

from scaled_mask_rcnn import build, read_configuration


class Scenes(torch.utils.data.Dataset):
    """A COCO data set with masks in run-length encoding."""

    def __init__(self, directory, augment):
        self.directory, self.augment = directory, augment
        with open(os.path.join(directory, "annotations.json")) as file:
            content = json.load(file)
        self.images = content["images"]
        self.annotations = {image["id"]: [] for image in self.images}
        for annotation in content["annotations"]:
            self.annotations[annotation["image_id"]].append(annotation)

    def __len__(self):
        return len(self.images)

    def picture(self, index):
        image = self.images[index]
        for folder in ("images", ""):
            path = os.path.join(self.directory, folder, image["file_name"])
            if os.path.exists(path):
                return Image.open(path).convert("RGB")
        raise FileNotFoundError(path)

    def __getitem__(self, index):
        picture = self.picture(index)
        annotations = self.annotations[self.images[index]["id"]]
        masks = np.zeros((len(annotations), picture.height, picture.width), np.uint8)
        boxes = np.zeros((len(annotations), 4), np.float32)
        for i, annotation in enumerate(annotations):
            masks[i] = coco_mask.decode(annotation["segmentation"])
            x, y, w, h = annotation["bbox"]
            boxes[i] = x, y, x + w, y + h
        if self.augment:
            picture = distort(picture)
        pixels = to_tensor(picture)
        if self.augment:
            pixels = (pixels * random.uniform(0.8, 1.2) + random.uniform(-0.08, 0.08)).clamp(0, 1)
            # The shapes have no up and no left: mirrored ones are as good.
            if random.random() < 0.5:
                pixels, masks = pixels.flip(2), masks[:, :, ::-1]
                boxes[:, [0, 2]] = picture.width - boxes[:, [2, 0]]
            if random.random() < 0.5:
                pixels, masks = pixels.flip(1), masks[:, ::-1]
                boxes[:, [1, 3]] = picture.height - boxes[:, [3, 1]]
        labels = [annotation["category_id"] for annotation in annotations]
        return pixels, {
            "boxes": torch.from_numpy(boxes), "labels": torch.tensor(labels, dtype=torch.int64),
            "masks": torch.from_numpy(masks.copy()),
        }


def distort(picture):
    """Some of what a video encoder does to a picture."""
    chance = random.random()
    if chance < 0.35:
        memory = io.BytesIO()
        picture.save(memory, "JPEG", quality=random.randint(30, 90))
        return Image.open(memory).convert("RGB")
    if chance < 0.5:
        return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
    return picture


def evaluate(model, data, limit):
    """Box and mask AP (0.50:0.95) on the first `limit` pictures."""
    model.eval()
    results = []
    with torch.no_grad():
        for i in range(min(limit, len(data))):
            output = model([to_tensor(data.picture(i))])[0]
            for box, label, score, mask in zip(output["boxes"], output["labels"], output["scores"], output["masks"]):
                x0, y0, x1, y1 = box.tolist()
                encoded = coco_mask.encode(np.asfortranarray((mask[0] > 0.5).numpy().astype(np.uint8)))
                results.append({
                    "image_id": data.images[i]["id"], "category_id": label.item(), "score": score.item(),
                    "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": encoded,
                })
    if not results:
        return 0.0, 0.0
    truth = COCO(os.path.join(data.directory, "annotations.json"))
    figures = []
    for kind in ("bbox", "segm"):
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
        evaluation.params.imgIds = [image["id"] for image in data.images[:limit]]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        figures.append(evaluation.stats[0])
    return tuple(figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configuration", default=os.path.join(os.path.dirname(__file__), "shapes.json"))
    parser.add_argument("--data", required=True, help="a directory that segmentd synthesize made")
    parser.add_argument("--validation", required=True, help="another, from another seed")
    parser.add_argument("--output", required=True, help="the .pth to write")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    random.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    model = build(
        read_configuration(arguments.configuration), box_batch_size_per_image=128, rpn_batch_size_per_image=256,
        rpn_pre_nms_top_n_train=500, rpn_post_nms_top_n_train=250,
    )
    averaged = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0}], lr=arguments.rate)
    state = {"elapsed": 0.0, "step": 0}
    resume = arguments.output + ".resume"
    if os.path.exists(resume):
        saved = torch.load(resume, weights_only=True)
        model.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["averaged"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
        print(f"resumed after {state['elapsed'] / 60:.1f} minutes")
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters", flush=True)

    loader = torch.utils.data.DataLoader(
        Scenes(arguments.data, augment=True), batch_size=arguments.batch, shuffle=True, drop_last=True,
        collate_fn=lambda batch: tuple(zip(*batch)))
    validation = Scenes(arguments.validation, augment=False)
    budget = arguments.minutes * 60
    last, saved_at, losses = time.monotonic(), state["elapsed"], []
    marked = last
    model.train()
    while state["elapsed"] < budget:
        for images, targets in loader:
            part = state["elapsed"] / budget
            if part >= 1:
                break
            warmup = min(1.0, (state["step"] + 1) / 150)
            for group in optimizer.param_groups:
                group["lr"] = arguments.rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))
            parts = model(list(images), list(targets))
            loss = sum(parts.values())
            if not math.isfinite(loss.item()):
                raise SystemExit(f"the loss is {loss.item()} at step {state['step']}: {parts}")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            state["step"] += 1
            keep = min(0.998, 1 - 1 / (state["step"] + 1))
            with torch.no_grad():
                for a, b in zip(averaged.state_dict().values(), model.state_dict().values()):
                    a.copy_(a * keep + b * (1 - keep) if a.is_floating_point() else b)
            now = time.monotonic()
            # A machine that slept must not use up the minutes.
            state["elapsed"] += min(now - last, 30)
            last = now
            losses.append([value.item() for value in parts.values()])
            if state["step"] % 50 == 0:
                means = np.mean(losses, axis=0)
                text = " ".join(f"{name[5:]} {value:.3f}" for name, value in zip(parts, means))
                rate = 50 * arguments.batch / (now - marked)
                marked = now
                print(
                    f"step {state['step']} minute {state['elapsed'] / 60:.1f} {rate:.2f} images/s "
                    f"loss {means.sum():.3f} {text}", flush=True)
                losses = []
            if state["elapsed"] - saved_at > 300:
                saved_at = state["elapsed"]
                torch.save({
                    "model": model.state_dict(), "averaged": averaged.state_dict(),
                    "optimizer": optimizer.state_dict(), "state": state,
                }, resume + ".part")
                os.replace(resume + ".part", resume)
                torch.save(averaged.state_dict(), arguments.output + ".part")
                os.replace(arguments.output + ".part", arguments.output)
                box, mask = evaluate(averaged, validation, 40)
                print(f"step {state['step']}: box AP {box:.3f}, mask AP {mask:.3f} on 40 pictures", flush=True)
                model.train()
                last = time.monotonic()
    torch.save(averaged.state_dict(), arguments.output + ".part")
    os.replace(arguments.output + ".part", arguments.output)
    box, mask = evaluate(averaged, validation, len(validation))
    print(f"done: box AP {box:.3f}, mask AP {mask:.3f} on {len(validation)} pictures", flush=True)


if __name__ == "__main__":
    main()
