"""Pictures of a COCO data set as torchvision learns from them."""

import numpy
import torch
from PIL import Image


def learnable(coco):
    """The images that show something, by their numbers."""
    return [image for image in coco.loadImgs(sorted(coco.getImgIds())) if coco.getAnnIds(image["id"])]


def picture(coco, image, folder):
    """The pixels of an image, 0...1 as [3, H, W], and what it shows."""
    objects = coco.loadAnns(coco.getAnnIds(image["id"]))
    boxes = torch.tensor([item["bbox"] for item in objects], dtype=torch.float32)
    boxes[:, 2:] += boxes[:, :2]
    pixels = numpy.array(Image.open(folder / image["file_name"]).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, {
        "boxes": boxes, "labels": torch.tensor([item["category_id"] for item in objects]),
        "masks": torch.from_numpy(numpy.stack([coco.annToMask(item) for item in objects]))}
