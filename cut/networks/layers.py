"""Layers and first weights that networks share."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

MULTIPLE = 4
"""Of both sides of a picture that is to be translated: generators halve once or twice."""

EPSILON = 1e-5
_STRIP = 4096


class InstanceNorm(nn.Module):
    """Instance normalisation without affine weights or statistics (eps 1e-5): B x C x H x W.

    `F.instance_norm` leaves the channels-last layout on a CPU and is some twenty times slower there
    than a batch norm over one picture, which is the same thing.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return F.instance_norm(x, eps=EPSILON)
        if x.shape[2] * x.shape[3] == 1:
            # One place has no deviation; batch_norm refuses it in training, its limit is zero.
            return torch.zeros_like(x)
        if x.dtype == torch.float32 and x.is_contiguous(memory_format=torch.channels_last):
            return _PreciseNorm.apply(x)
        normed = [F.batch_norm(p, None, None, training=True, eps=EPSILON) for p in x.split(1)]
        return normed[0] if len(normed) == 1 else torch.cat(normed)


class _PreciseNorm(torch.autograd.Function):
    """The norm in channels-last float32, with sums that do not lose digits.

    There PyTorch's batch norm adds up place by place, which leaves errors of 1e-5 to 1e-3 at 256
    px, a hundred times those of its other layouts (in bfloat16 the rounding hides them).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        normed = torch.empty(x.shape, memory_format=torch.channels_last)
        statistics = []
        for picture, result in zip(x, normed, strict=True):
            picture, result = (t.permute(1, 2, 0).flatten(0, 1) for t in (picture, result))
            mean = picture.mean(0)
            # In strips that stay in the cache, so that no second picture is held.
            squares = [(strip - mean).square_().sum(0) for strip in picture.split(_STRIP)]
            scale = (torch.stack(squares).sum(0) / len(picture) + EPSILON).rsqrt()
            torch.addcmul(-mean * scale, picture, scale, out=result)
            statistics += [mean, scale]
        ctx.save_for_backward(x, *statistics)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, *statistics = ctx.saved_tensors
        backward, only_input = torch.ops.aten.native_batch_norm_backward, [True, False, False]
        by_x = []
        for i, (picture, g) in enumerate(zip(x.split(1), grad.split(1), strict=True)):
            mean, scale = statistics[2 * i : 2 * i + 2]
            known = (None, None, None, mean, scale, True, EPSILON)
            by_x.append(backward(g, picture, *known, only_input)[0])
        return by_x[0] if len(by_x) == 1 else torch.cat(by_x)


def pad_sides(pictures: Tensor) -> Tensor:
    """Reflect the last lines so that both sides of B x 3 x H x W are multiples of `MULTIPLE`."""
    height, width = pictures.shape[2:]
    return F.pad(pictures, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")


INITS: dict[str, Callable[[Tensor], Tensor]] = {
    "xavier": partial(nn.init.xavier_normal_, gain=0.02),
    "normal": partial(nn.init.normal_, std=0.02),
}
"""How convolutions and linear layers begin: as CUT does, or as CycleGAN does.

Xavier's weights come out ten to forty times smaller at usual widths. Norms hide that from the
forward pass, not from Adam, whose steps are of one length: against such small weights they are
large, and a discriminator at a raised rate falls apart.
"""


def initialise(network: nn.Module, init: str = "xavier") -> None:
    """Draw the initial weights of convolutions and linear layers, one of `INITS`; biases are 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            INITS[init](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
