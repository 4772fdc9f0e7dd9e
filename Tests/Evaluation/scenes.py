"""Random data sets and results for them, such that every rule of COCO's evaluation has something to decide."""

import numpy as np
from pycocotools import mask as coco_mask


def polygon(random, width, height, reach=6):
    """A random polygon: a ragged disc, or any corners at all; some reach out of the picture."""
    count = int(random.integers(3, 14))
    if random.random() < 0.3:
        xy = np.stack([random.uniform(-reach, width + reach, count), random.uniform(-reach, height + reach, count)], 1)
    else:
        angles = np.sort(random.uniform(0, 2 * np.pi, count))
        radius = random.uniform(0.5, max(width, height) / 2) * random.uniform(0.5, 1, count)
        centre = random.uniform([0, 0], [width, height])
        xy = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    # Whole pixels, halves, hundredths and every digit: where corners lie on the grid of fifths, rounding decides.
    decimals = random.choice([0, 1, 1, 2, 2, 2, 2, 2, 2, 15])
    xy = np.round(xy * 2) / 2 if random.random() < 0.1 else np.round(xy, decimals)
    return [float(value) for value in xy.reshape(-1)]


def blob(random, width, height, box):
    """Run lengths of an ellipse in a box [x, y, w, h], with a ragged edge."""
    x, y, w, h = box
    rows, columns = np.mgrid[0:height, 0:width]
    distance = ((columns + 0.5 - x - w / 2) / max(w / 2, 0.5)) ** 2 + ((rows + 0.5 - y - h / 2) / max(h / 2, 0.5)) ** 2
    pixels = distance <= 1 + random.normal(0, 0.15, distance.shape)
    return coco_mask.encode(np.asfortranarray(pixels, dtype=np.uint8))


def text(rle):
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def numbers(rle):
    """The same mask with its run lengths as numbers."""
    pixels = coco_mask.decode(rle).reshape(-1, order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pixels, [1 - pixels[-1]]])))
    return {"size": [int(side) for side in rle["size"]], "counts": [int(run) for run in np.diff(np.concatenate([[0], edges]))]}


def moved(random, box, width, height):
    x, y, w, h = box
    spread = random.choice([0, 0.02, 0.08, 0.25])
    w2, h2 = np.array([w, h]) * np.exp(random.normal(0, spread, 2))
    x2, y2 = np.array([x, y]) + random.normal(0, spread, 2) * [w, h]
    if random.random() < 0.3:
        x2, y2, w2, h2 = np.round([x2, y2, w2, h2])
    return [float(value) for value in np.round([x2, y2, max(w2, 1), max(h2, 1)], 2)]


def scene(seed, images=12):
    """A data set and results, both as COCO's files have them."""
    random = np.random.default_rng(seed)
    categories = [{"id": int(number), "name": f"kind {number}"} for number in random.permutation(40)[: random.integers(1, 7)]]
    # One that no object has: only its detections exist, or not even these.
    categories.append({"id": 77, "name": "never there"})
    data = {"info": {"description": f"seed {seed}"}, "images": [], "annotations": [], "categories": categories}
    results = []
    numbers_of_images = random.permutation(1000)[:images]
    # Results with few different scores have many ties.
    levels = int(random.choice([3, 20, 10**6]))
    has_boxes = random.random() < 0.8
    for image_id in map(int, numbers_of_images):
        width, height = (int(side) for side in random.integers(20, 220, 2))
        data["images"].append({"id": image_id, "file_name": f"{image_id}.png", "width": width, "height": height})
        crowded = random.random() < 0.12
        count = 0 if random.random() < 0.15 else int(random.integers(1, 40 if crowded else 9))
        found = 0 if random.random() < 0.15 else int(random.integers(0, 260 if crowded else 14))
        boxes = []
        for _ in range(count):
            size = np.exp(random.uniform(np.log(4), np.log(max(width, height)), 2))
            corner = random.uniform([-2, -2], [width - 3, height - 3])
            box = [float(value) for value in np.round([*corner, *size], 2)]
            category = int(categories[random.integers(0, len(categories) - 1)]["id"])
            form = random.random()
            if form < 0.4:
                segmentation = [polygon(random, width, height) for _ in range(random.integers(1, 4))]
                rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
                if coco_mask.area(rle) > 0:
                    box = [float(value) for value in coco_mask.toBbox(rle)]
            else:
                rle = blob(random, width, height, box)
                segmentation = text(rle) if form < 0.7 else numbers(rle)
            area = float(coco_mask.area(rle)) if random.random() < 0.7 else float(random.choice([1024, 9216, 1023.99, 9216.5, 500]))
            data["annotations"].append({
                "id": len(data["annotations"]) + 1, "image_id": image_id, "category_id": category, "bbox": box, "area": area,
                "iscrowd": int(random.random() < 0.15), "segmentation": segmentation})
            boxes.append((box, category, rle))
        for _ in range(found):
            is_aimed = bool(boxes) and random.random() < 0.8
            score = float(np.round(random.beta(4, 2) if is_aimed else random.beta(2, 4), 6))
            score = float(np.round(score * levels) / levels)
            if is_aimed:
                box, category, rle = boxes[random.integers(0, len(boxes))]
                if random.random() < 0.6:
                    box = moved(random, box, width, height)
                    rle = blob(random, width, height, box)
            else:
                box = [float(value) for value in np.round([*random.uniform(0, [width, height]), *random.uniform(1, 120, 2)], 2)]
                rle = blob(random, width, height, box)
                category = int(categories[random.integers(0, len(categories))]["id"])
            if random.random() < 0.1:
                category = int(categories[random.integers(0, len(categories))]["id"])
            result = {"image_id": image_id, "category_id": category, "score": score, "segmentation": text(rle)}
            if has_boxes:
                result["bbox"] = box
            results.append(result)
    order = random.permutation(len(data["annotations"]))
    data["annotations"] = [data["annotations"][place] for place in order]
    if not data["annotations"]:
        return scene(seed + 100_000, images)
    return data, results
