"""Random weights that make a detector's answers worth comparing.

With the usual initial weights every class scores about the same, every mask is a grey square, and BatchNorm does nothing. Here each layer is
scaled, while pictures pass through the model, so that its outputs have a mean near 0 and the spread asked for: scores are far apart, boxes
move, masks have structure, and no activation grows or fades on its way.
"""

import torch
from torch import nn

# The standard deviation of a layer's outputs; 1 for layers not named.
SPREADS = {
    "rpn.head.cls_logits": 2.0,
    "rpn.head.bbox_pred": 0.4,
    "roi_heads.box_predictor.cls_score": 2.5,
    "roi_heads.box_predictor.bbox_pred": 1.0,
    "roi_heads.mask_predictor.mask_fcn_logits": 2.0,
}


def per_channel(values):
    """Mean and standard deviation of each channel of [N, C] or [N, C, H, W].

    A channel that hardly varies counts as if it varied by a third of what the others do, lest its rounding errors be made large.
    """
    values = values.transpose(0, 1).flatten(1)
    deviation = values.std(1, unbiased=False)
    return values.mean(1), deviation.clamp(min=deviation.mean().item() / 3 + 1e-3)


def scaled(module, output, spread, generator):
    """Scales a layer so that its output has about this spread, channel by channel; returns the new output."""
    mean, deviation = per_channel(output)
    wanted = spread * (0.7 + 0.6 * torch.rand(len(mean), generator=generator))
    shift = 0.3 * spread * torch.randn(len(mean), generator=generator)
    factor = wanted / deviation
    transposed = isinstance(module, nn.ConvTranspose2d)
    along_output = [1 if i == (1 if transposed else 0) else 0 for i in range(module.weight.dim())]
    module.weight.mul_(factor.reshape([-1 if one else 1 for one in along_output]))
    module.bias.copy_((module.bias - mean) * factor + shift)
    along_channels = (1, -1) + (1,) * (output.dim() - 2)
    return (output - mean.reshape(along_channels)) * factor.reshape(along_channels) + shift.reshape(along_channels)


def normalized(module, values, generator):
    """Gives BatchNorm statistics near those of these values, and affine parameters of its own; returns the new output."""
    mean, deviation = per_channel(values)
    count = len(mean)
    module.running_mean.copy_(mean + 0.3 * deviation * torch.randn(count, generator=generator))
    module.running_var.copy_(deviation.square() * (0.5 + 1.5 * torch.rand(count, generator=generator)))
    module.weight.copy_(0.6 + 0.8 * torch.rand(count, generator=generator))
    module.bias.copy_(0.3 * torch.randn(count, generator=generator))
    return module.forward(values)


@torch.no_grad()
def randomize(model, pictures, seed):
    """Randomizes a torchvision detector in place; pictures are [3, H, W] in 0...1. The model is in evaluation mode afterwards."""
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    done, handles = set(), []

    def make_hook(name):
        def hook(module, inputs, output):
            # The RPN's head sees every level; the first has the most positions.
            if name in done:
                return None
            done.add(name)
            if isinstance(module, nn.BatchNorm2d):
                return normalized(module, inputs[0], generator)
            return scaled(module, output, SPREADS.get(name, 1.0), generator)

        return hook

    for name, module in model.named_modules():
        layer = isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d))
        # A convolution without a bias has BatchNorm behind it, which sees to the scale.
        if layer and module.bias is None:
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5, generator=generator)
        elif layer:
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5, generator=generator)
            nn.init.zeros_(module.bias)
            handles.append(module.register_forward_hook(make_hook(name)))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_hook(make_hook(name)))
    model(pictures)
    for handle in handles:
        handle.remove()
