"""Random weights that make a detector's answers worth comparing.

With the usual initial weights every class scores about the same, every mask is a grey square, and BatchNorm does nothing. Here each
layer is scaled, while pictures pass through the model, so that its outputs have the spread asked for: scores are far apart, boxes move,
masks have structure, and no activation grows or fades on its way.

A deep random network can be chaotic: what one layer rounds, the next ones make large, and no two implementations agree. A trained one is
not, as its blocks add little to what passes by them. Here likewise, and most units are on, so that the network is nearly linear.
"""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.ops import FrozenBatchNorm2d

NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)

# The standard deviation of a layer's outputs; 1 for layers not named.
# Larger ones make rounding larger in the same measure: with these, single and double precision differ by less than 4e-5 in a score.
SPREADS = {
    "rpn.head.cls_logits": 2.0,
    "rpn.head.bbox_pred": 0.1,
    "roi_heads.box_predictor.cls_score": 1.0,
    "roi_heads.box_predictor.bbox_pred": 1.0,
    "roi_heads.mask_predictor.mask_fcn_logits": 2.0,
    # Detectron2's names of the same.
    "proposal_generator.rpn_head.objectness_logits": 2.0,
    "proposal_generator.rpn_head.anchor_deltas": 0.1,
    "roi_heads.mask_head.predictor": 2.0,
}
# The mean before a ReLU, in standard deviations, and what a residual branch adds to its block's input.
MEAN_BEFORE_RELU = 1.0
BRANCH = 0.2


def per_channel(values):
    """Mean and standard deviation of each channel of [N, C] or [N, C, H, W].

    A channel that hardly varies counts as if it varied by a third of what the others do, lest its rounding errors be made large.
    """
    values = values.transpose(0, 1).flatten(1)
    deviation = values.std(1, unbiased=False)
    return values.mean(1), deviation.clamp(min=deviation.mean().item() / 3 + 1e-3)


def scaled(module, output, spread, center, generator):
    """Scales a layer so that its output has about this spread, channel by channel; returns the new output."""
    mean, deviation = per_channel(output)
    wanted = spread * (0.7 + 0.6 * torch.rand(len(mean), generator=generator))
    shift = spread * (center + 0.3 * torch.randn(len(mean), generator=generator))
    factor = wanted / deviation
    transposed = isinstance(module, nn.ConvTranspose2d)
    along_output = [1 if i == (1 if transposed else 0) else 0 for i in range(module.weight.dim())]
    module.weight.mul_(factor.reshape([-1 if one else 1 for one in along_output]))
    module.bias.copy_((module.bias - mean) * factor + shift)
    along_channels = (1, -1) + (1,) * (output.dim() - 2)
    return (output - mean.reshape(along_channels)) * factor.reshape(along_channels) + shift.reshape(along_channels)


def normalized(module, values, gain, generator):
    """Gives BatchNorm statistics near those of these values, and affine parameters of its own; returns the new output."""
    mean, deviation = per_channel(values)
    count = len(mean)
    module.running_mean.copy_(mean + 0.3 * deviation * torch.randn(count, generator=generator))
    module.running_var.copy_(deviation.square() * (0.5 + 1.5 * torch.rand(count, generator=generator)))
    module.weight.copy_(gain * (0.6 + 0.8 * torch.rand(count, generator=generator)))
    module.bias.copy_(gain * (MEAN_BEFORE_RELU + 0.3 * torch.randn(count, generator=generator)))
    return module.forward(values)


def group_normalized(module, values, gain, generator):
    """Gives GroupNorm, which has no statistics, affine parameters of its own; returns the new output."""
    count = module.num_channels
    module.weight.copy_(gain * (0.6 + 0.8 * torch.rand(count, generator=generator)))
    module.bias.copy_(gain * (MEAN_BEFORE_RELU + 0.3 * torch.randn(count, generator=generator)))
    return module.forward(values)


@torch.no_grad()
def randomize(model, pictures, seed):
    """Randomizes a torchvision detector in place; pictures are [3, H, W] in 0...1. The model is in evaluation mode afterwards."""
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    done, handles = set(), []
    last = {block.bn3 for block in model.modules() if isinstance(block, Bottleneck)}
    last |= {block.bn2 for block in model.modules() if isinstance(block, BasicBlock)}
    last |= {module for module in model.modules() if getattr(module, "ends_branch", False)}

    def make_hook(name):
        def hook(module, inputs, output):
            # The RPN's head sees every level; the first has the most positions.
            if name in done:
                return None
            done.add(name)
            if isinstance(module, NORMS):
                return normalized(module, inputs[0], BRANCH if module in last else 1.0, generator)
            if isinstance(module, nn.GroupNorm):
                return group_normalized(module, inputs[0], BRANCH if module in last else 1.0, generator)
            if name in SPREADS:
                return scaled(module, output, SPREADS[name], 0.0, generator)
            return scaled(module, output, 1.0, 0.0 if name.startswith("backbone.fpn") else MEAN_BEFORE_RELU, generator)

        return hook

    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5, generator=generator)
            # One without a bias has BatchNorm behind it, which sees to the scale.
            if module.bias is None:
                continue
            nn.init.zeros_(module.bias)
        elif not isinstance(module, (*NORMS, nn.GroupNorm)):
            continue
        handles.append(module.register_forward_hook(make_hook(name)))
    model(pictures)
    for handle in handles:
        handle.remove()
