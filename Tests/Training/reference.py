#!/usr/bin/env python3
"""Writes what torchvision makes of a few training steps: losses, gradients, and which boxes it chose at random.

Weights are random (see Tests/Parity/random_weights.py), pictures and objects are made here. The file holds all that another
implementation needs to take the same steps, and what comes out; TrainingTests reads it.

weights/NAME             before the first step
picture/I/image          uint8 [H, W, 3]; likewise boxes [n, 4], labels [n], masks uint8 [n, H, W]
step/S/losses            objectness, boxes of proposals, classes, boxes, masks
step/S/anchors/I         places of the chosen anchors, ascending; step/S/anchor_labels/I: 1 for objects
step/S/regions/I         the chosen boxes; likewise region_labels, region_objects
gradient/NAME            of the first step, before weight decay, in double precision
statistics/NAME          of batch normalisation after the last step, where it learns

The metadata's "rounding" says how far torchvision's own gradients in single precision are from those, relative to their norm. Where a
unit is near zero, rounding decides whether ReLU lets it pass, and with it a part of the gradient: in a deep network with millions of
units some always are, so that no two implementations in single precision agree much better than each agrees with double precision.
With --apart no unit is near zero: biases are chosen so that every second channel passes whole, and the others not at all.
"""

import argparse
import copy
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS), str(TESTS / "Parity")]
from random_weights import randomize  # noqa: E402
from scaled_mask_rcnn import build, read_configuration  # noqa: E402

LOSSES = ["loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask"]


def freeze_norms(module):
    """Replaces batch normalisation by constant maps."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(child.num_features, eps=child.eps)
            frozen.load_state_dict(child.state_dict(), strict=False)
            setattr(module, name, frozen)
        else:
            freeze_norms(child)


def set_apart(model, inputs, targets):
    """Moves the biases before every ReLU so that the values of a channel have one sign, and stay away from zero."""
    handles = []

    def shift(values, owner):
        """What the channels' values are to be moved by; of several maps of the same channels, for all of them."""
        rows = torch.cat([value.transpose(0, 1).flatten(1) for value in values], 1).detach()
        low, high = rows.amin(1), rows.amax(1)
        margin = 0.05 * (high - low).mean()
        passes = torch.arange(len(low)) % 2 == 0
        result = torch.where(passes, margin - low, -margin - high)
        with torch.no_grad():
            owner.bias += result
        return result

    def like(result, values):
        return result.view(-1, *[1] * (values.dim() - 2))

    def after(module):
        def hook(module, _, output):
            return output + like(shift([output], module), output)
        handles.append(module.register_forward_hook(hook))

    def before_last(relu, owner):
        """A block's last ReLU comes after a sum; the same module is its first ones."""
        calls = []

        def hook(_, arguments):
            calls.append(1)
            if len(calls) == 3:
                return arguments[0] + like(shift(arguments, owner), arguments[0])
        handles.append(relu.register_forward_pre_hook(hook))

    def levels(head, arguments):
        shift([head.conv[0][0](level) for level in arguments[0]], head.conv[0][0])

    body, heads = model.backbone.body, model.roi_heads
    after(body.bn1)
    for block in (block for stage in (body.layer1, body.layer2, body.layer3, body.layer4) for block in stage):
        after(block.bn1)
        after(block.bn2)
        before_last(block.relu, block.bn3)
    handles.append(model.rpn.head.register_forward_pre_hook(levels))
    after(heads.box_head.fc6)
    after(heads.box_head.fc7)
    for layer in heads.mask_head:
        after(layer[0])
    after(heads.mask_predictor.conv5_mask)
    state = torch.get_rng_state()
    with torch.no_grad():
        model.train()(inputs, [{key: value.clone() for key, value in target.items()} for target in targets])
    for handle in handles:
        handle.remove()
    torch.set_rng_state(state)


def picture(height, width, count, classes, generator):
    """Ellipses and boxes of random colours over noise."""
    def random(low, high, size=()):
        return low + (high - low) * torch.rand(size, generator=generator)

    image = random(0.2, 0.6, (3, 1, 1)) + 0.1 * torch.randn((3, height, width), generator=generator)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    boxes, labels, masks = [], [], []
    for _ in range(count):
        h, w = random(height / 8, height / 2).item(), random(width / 8, width / 2).item()
        y, x = random(0, height - h).item(), random(0, width - w).item()
        v, u = (rows + 0.5 - y) / h * 2 - 1, (columns + 0.5 - x) / w * 2 - 1
        label = int(torch.randint(1, classes, (), generator=generator))
        mask = u * u + v * v < 1 if label % 2 else torch.maximum(u.abs(), v.abs()) < 0.9
        image = torch.where(mask, random(0, 1, (3, 1, 1)) + 0.05 * image, image)
        ys, xs = torch.where(mask)
        boxes.append([xs.min().item(), ys.min().item(), xs.max().item() + 1, ys.max().item() + 1])
        labels.append(label)
        masks.append(mask)
    image = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return image, {
        "boxes": torch.tensor(boxes, dtype=torch.float32), "labels": torch.tensor(labels),
        "masks": torch.stack(masks).to(torch.uint8)}


class Recorder:
    """Writes down which boxes a sampler chose."""

    def __init__(self, sampler):
        self.sampler, self.chosen, self.replayed = sampler, None, None

    def __call__(self, labels):
        if self.replayed:
            return self.replayed
        positives, negatives = self.sampler(labels)
        self.chosen = [torch.where(p | n)[0] for p, n in zip(positives, negatives)]
        self.labels = [label[places] for label, places in zip(labels, self.chosen)]
        self.answer = positives, negatives
        return positives, negatives


def exact_gradients(model, inputs, targets, anchors, regions):
    """The gradients in double precision, with the boxes that were chosen in single."""
    exact = copy.deepcopy(model).double()
    exact.rpn.fg_bg_sampler = Recorder(None)
    exact.rpn.fg_bg_sampler.replayed = anchors
    boxes, objects, labels, aims = regions
    exact.roi_heads.select_training_samples = lambda proposals, targets: (
        [box.double() for box in boxes], objects, labels, [aim.double() for aim in aims])
    losses = exact(
        [image.double() for image in inputs],
        [{**target, "boxes": target["boxes"].double()} for target in targets])
    sum(losses.values()).backward()
    return {name: parameter.grad for name, parameter in exact.named_parameters() if parameter.grad is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configuration", default="{}", help="of the model: JSON, or a file")
    parser.add_argument("--output", required=True)
    parser.add_argument("--size", default="320x416", help="height x width of the pictures; every second one is less high")
    parser.add_argument("--objects", type=int, default=6, help="in each picture")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--anchors", type=int, default=256)
    parser.add_argument("--regions", type=int, default=512)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--stages", type=int, default=2, help="parts of the backbone that are frozen")
    parser.add_argument("--live-norms", action="store_true", help="batch normalisation learns")
    parser.add_argument("--apart", action="store_true", help="no unit is near zero; for ResNets of bottlenecks whose norms are frozen")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.apart and options.live_norms:
        parser.error("--apart and --live-norms exclude each other")

    configuration = read_configuration(options.configuration)
    configuration.setdefault("classes", 91)
    if options.apart and (configuration.get("architecture") == "c4" or configuration["backbone"]["kind"] != "resnet"
                          or configuration["backbone"]["block"] != "bottleneck"):
        sys.exit("--apart knows the layers of ResNets of bottlenecks with a pyramid only")
    height, width = map(int, options.size.split("x"))
    generator = torch.Generator().manual_seed(options.seed)
    torch.manual_seed(options.seed)
    pictures = [
        picture(height - (height // 8 if i % 2 else 0), width, options.objects, configuration["classes"], generator)
        for i in range(2)]
    model = build(
        configuration, rpn_batch_size_per_image=options.anchors, box_batch_size_per_image=options.regions,
        rpn_pre_nms_top_n_train=2000, rpn_post_nms_top_n_train=2000)
    randomize(model, [image.float() / 255 for image, _ in pictures], options.seed)
    if not options.live_norms:
        freeze_norms(model)
    inputs, targets = [image.float() / 255 for image, _ in pictures], [target for _, target in pictures]
    if options.apart:
        set_apart(model, inputs, targets)
    parts = ["conv1", "layer1", "layer2", "layer3", "layer4"][:options.stages]
    for name, parameter in model.backbone.body.named_parameters():
        if name.split(".")[0] in parts or (options.stages and name.startswith("bn1.")):
            parameter.requires_grad_(False)

    tensors = {
        f"weights/{name}": value.clone() for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")}
    for index, (image, target) in enumerate(pictures):
        tensors[f"picture/{index}/image"] = image.permute(1, 2, 0).contiguous()
        for key, value in target.items():
            tensors[f"picture/{index}/{key}"] = value

    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=options.rate, momentum=0.9, weight_decay=1e-4)
    anchors = model.rpn.fg_bg_sampler = Recorder(model.rpn.fg_bg_sampler)
    chosen, rounding = {}, {}
    select = model.roi_heads.select_training_samples

    def select_training_samples(proposals, targets):
        result = select(proposals, targets)
        chosen.update(boxes=result[0], objects=result[1], labels=result[2], aims=result[3])
        return result

    model.roi_heads.select_training_samples = select_training_samples
    for step in range(options.steps):
        before = copy.deepcopy(model) if step == 0 else None
        losses = model(inputs, [{key: value.clone() for key, value in target.items()} for target in targets])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        tensors[f"step/{step}/losses"] = torch.tensor([losses[name].item() for name in LOSSES], dtype=torch.float64)
        for index in range(len(pictures)):
            tensors[f"step/{step}/anchors/{index}"] = anchors.chosen[index]
            tensors[f"step/{step}/anchor_labels/{index}"] = anchors.labels[index].to(torch.uint8)
            tensors[f"step/{step}/regions/{index}"] = chosen["boxes"][index].clone()
            tensors[f"step/{step}/region_labels/{index}"] = chosen["labels"][index].to(torch.int32)
            tensors[f"step/{step}/region_objects/{index}"] = chosen["objects"][index].to(torch.int32)
        if step == 0:
            regions = chosen["boxes"], chosen["objects"], chosen["labels"], chosen["aims"]
            exact = exact_gradients(before, inputs, targets, anchors.answer, regions)
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    difference = (parameter.grad.double() - exact[name]).norm() / exact[name].norm()
                    rounding[name] = difference.item()
                    tensors[f"gradient/{name}"] = exact[name].float()
            print(f"rounding moves a gradient by {max(rounding.values()):.2g} at most")
        optimizer.step()
        print(f"step {step}: " + ", ".join(f"{name[5:]} {losses[name].item():.5f}" for name in LOSSES), flush=True)
    if options.live_norms:
        for name, value in model.state_dict().items():
            if name.endswith(("running_mean", "running_var")):
                tensors[f"statistics/{name}"] = value.clone()
    save_file(tensors, options.output, metadata={
        "configuration": json.dumps(configuration), "steps": str(options.steps), "pictures": str(len(pictures)),
        "stages": str(options.stages), "live_norms": str(int(options.live_norms)), "rate": str(options.rate),
        "apart": str(int(options.apart)), "rounding": json.dumps(rounding)})


if __name__ == "__main__":
    main()
