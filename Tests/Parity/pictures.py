"""Pictures to compare detectors on: seeded smooth noise with shapes on it, one in the dark, and one that is blank."""

import numpy as np
from PIL import Image, ImageDraw

# Height and width. 161x200 is a size whose scaled side falls short of a whole number in double precision.
SIZES = {"landscape": (480, 640), "truncating": (161, 200), "odd": (333, 500), "dark": (240, 320), "blank": (240, 320)}


def smooth_noise(height, width, random):
    """uint8 [height, width, 3]."""
    total = np.zeros((height, width, 3))
    for cells, strength in ((3, 90.0), (9, 50.0), (40, 25.0)):
        coarse = random.uniform(-1, 1, (cells, cells, 3))
        channels = [
            Image.fromarray(coarse[..., i].astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC) for i in range(3)
        ]
        total += strength * np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return np.clip(total + random.normal(128, 6, total.shape), 0, 255).astype(np.uint8)


def draw(name, seed):
    """The picture of this name, as an RGB image."""
    height, width = SIZES[name]
    if name == "blank":
        return Image.new("RGB", (width, height), (96, 128, 160))
    random = np.random.default_rng([seed, height, width])
    if name == "dark":
        return Image.fromarray(random.integers(2, 6, (height, width, 3)).astype(np.uint8))
    picture = Image.fromarray(smooth_noise(height, width, random))
    canvas = ImageDraw.Draw(picture)
    for i in range(12):
        x, y = random.uniform(0, width), random.uniform(0, height)
        rx, ry = random.uniform(0.03, 0.25, 2) * min(height, width)
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        box = [x - rx, y - ry, x + rx, y + ry]
        if i % 3 == 0:
            canvas.ellipse(box, fill=color)
        elif i % 3 == 1:
            canvas.rectangle(box, fill=color)
        else:
            canvas.polygon([(x, y - ry), (x + rx, y + ry), (x - rx, y + ry)], fill=color)
    return picture


def write(folder, seed):
    """Writes every picture as PNG; returns the paths by name."""
    paths = {}
    for name in SIZES:
        paths[name] = folder / f"{name}.png"
        draw(name, seed).save(paths[name])
    return paths
