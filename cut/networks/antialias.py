"""Resampling that does not alias (Zhang, "Making convolutional networks shift-invariant", 2019).

Both layers carry the published buffer `filt`, so that state dicts need no renaming.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def binomial_filter(taps: tuple[float, ...], channels: int, gain: float = 1.0) -> Tensor:
    """The outer product of `taps` with itself, summing to `gain`: `channels` x 1 x K x K."""
    # In numbers, since networks are built on the meta device before their weights are loaded, and
    # arithmetic of tensors there imports PyTorch's compiler, which takes seconds.
    share = gain / sum(taps) ** 2
    kernel = [[share * a * b for b in taps] for a in taps]
    return torch.tensor([[kernel]] * channels)


class BlurDown(nn.Module):
    """Blur by [1, 2, 1] and take every second place: B x C x H x W to B x C x H/2 x W/2."""

    filt: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("filt", binomial_filter((1.0, 2.0, 1.0), channels))

    def forward(self, x: Tensor) -> Tensor:
        return _BlurAndHalve.apply(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt)


class _BlurAndHalve(torch.autograd.Function):
    """The depthwise convolution of `BlurDown`, with a gradient that does not convolve.

    The gradient of [1, 2, 1] at stride 2 lays the outputs' gradients at every second place and
    their means between them, which is linear interpolation. In bfloat16 on a CPU that is five to
    ten times faster than the gradient of a depthwise convolution, a sixth of a training step.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, filt: Tensor) -> Tensor:
        ctx.size = padded.shape[2:]
        return F.conv2d(padded, filt, stride=2, groups=padded.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        height, width = (2 * n + 1 for n in grad.shape[2:])
        fine = F.interpolate(
            F.pad(grad, (1, 1, 1, 1)),
            size=(height + 2, width + 2),
            mode="bilinear",
            align_corners=True,
        )
        fine = fine[:, :, 1:-1, 1:-1] * 0.25
        # An even side leaves its last line of padding unread.
        unread = (0, ctx.size[1] - width, 0, ctx.size[0] - height)
        return (F.pad(fine, unread) if any(unread) else fine), None


class BlurUp(nn.Module):
    """Double height and width with a [1, 3, 3, 1] blur: B x C x H x W to B x C x 2H x 2W.

    The published layer is a transposed convolution over replicated borders. Its two phases weigh
    neighbours by 1/4 and 3/4, which is what bilinear interpolation does; that is several times
    faster on every device, so the filter is kept only for its name in the state dict.
    """

    filt: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("filt", binomial_filter((1.0, 3.0, 3.0, 1.0), channels, gain=4.0))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
