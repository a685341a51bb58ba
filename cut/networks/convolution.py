"""Convolutions that are fast on processors without AVX-512, in float32.

There oneDNN computes the gradient of a 3x3 convolution's weights at a sixth to a half of the rate
of its forward pass (channels-last), which was half of a training step. The same sums as matrix
products over strips of the picture reach the rate of the forward pass. Where there are channels
and places enough, `cut.networks.winograd` is faster still, in all three passes.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from cut.networks import winograd

PAYS = torch.backends.cpu.get_cpu_capability() == "AVX2"
"""Whether the matrix products were measured to be faster than what this processor has else."""

MOST_THREADS = 4
"""More would share small products, and were not measured."""

_STRIP_BYTES = 1 << 20


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, faster in float32 on a CPU; the same numbers but for rounding.

    There it cannot be differentiated twice.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_fast_on(x):
            return super().forward(x)
        convolve = _PlainConvolution.apply if torch.is_grad_enabled() else _convolve
        return convolve(x, self.weight, self.bias, cast(tuple[int, int], self.padding))

    def is_fast_on(self, x: Tensor) -> bool:
        """Whether it goes by this module's passes for such an `x`."""
        steps = (*self.stride, *self.dilation, self.groups)
        zeros = self.padding_mode == "zeros" and isinstance(self.padding, tuple)
        return set(steps) == {1} and zeros and _suits(x)


def _suits(x: Tensor) -> bool:
    # Subclasses stand for tensors whose numbers are not there: those of exporters and of tests.
    is_real = type(x) is Tensor and x.device.type == "cpu" and x.ndim == 4
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    in_full = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return PAYS and is_real and in_full and not traced


class _PlainConvolution(torch.autograd.Function):
    """A convolution at stride 1 by zero padding, whose gradients are this module's."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return _convolve(x, weight, bias, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        by_x = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_x = _input_gradient(x, weight, grad, ctx.padding)
        if ctx.needs_input_grad[1]:
            by_weight = weight_gradient(x, grad, ctx.padding)
        if ctx.needs_input_grad[2]:
            by_bias = grad.sum((0, 2, 3))
        return by_x, by_weight, by_bias, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    height, width = (x.shape[2 + i] + 2 * padding[i] - weight.shape[2 + i] + 1 for i in range(2))
    outputs = (len(x), weight.shape[0], height, width)
    if goes_by_tiles(x, weight.shape, outputs):
        return winograd.convolve(x, weight, bias, padding)
    return F.conv2d(x, weight, bias, padding=padding)


def _input_gradient(x: Tensor, weight: Tensor, grad: Tensor, padding: tuple[int, int]) -> Tensor:
    if goes_by_tiles(grad, weight.shape, x.shape) and max(padding) <= 2:
        # What every place went into: the turned weights over the gradient.
        turned = weight.flip(2, 3).transpose(0, 1)
        return winograd.convolve(grad, turned, padding=(2 - padding[0], 2 - padding[1]))
    return conv2d_input(x.shape, weight, grad, padding=padding)


def goes_by_tiles(x: Tensor, shape: Sequence[int], outputs: Sequence[int]) -> bool:
    """Whether tiles are faster for `x`, weights of `shape` (C_out x C_in x K x L) and `outputs`."""
    is_last = x.is_contiguous(memory_format=torch.channels_last)
    few = torch.get_num_threads() <= MOST_THREADS
    return is_last and few and winograd.suits(shape, outputs)


def weight_gradient(x: Tensor, grad: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """The gradient of a convolution's weights at stride 1: C_out x C_in x K x L.

    Args:
        x: what was convolved, B x C_in x H x W.
        grad: of the outputs, B x C_out x (H + 2 padding - K + 1) x (W + 2 padding - L + 1).
        padding: zeros that were laid around `x`, up and down, left and right.
    """
    vertical, horizontal = padding
    rows = x.shape[2] + 2 * vertical - grad.shape[2]
    columns = x.shape[3] + 2 * horizontal - grad.shape[3]
    shape = (grad.shape[1], x.shape[1], rows + 1, columns + 1)
    few = torch.get_num_threads() <= MOST_THREADS
    if winograd.suits_gradient(shape, grad.shape) and x.dtype == torch.float32 and few:
        return winograd.weight_gradient(x, grad, padding)
    if grad.shape[1] >= x.shape[1]:
        padded = F.pad(x, (horizontal, horizontal, vertical, vertical)) if any(padding) else x
        return _correlate(padded, grad).contiguous(memory_format=torch.channels_last)
    # The side with fewer channels is the one to copy for every tap: here the gradient, which then
    # slides over x the other way round.
    around = (columns - horizontal, columns - horizontal, rows - vertical, rows - vertical)
    turned = _correlate(F.pad(grad, around), x)
    return turned.transpose(0, 1).flip(2, 3).contiguous(memory_format=torch.channels_last)


def _correlate(x: Tensor, grad: Tensor) -> Tensor:
    """sum over b, y, x of grad[b, o, y, x] x[b, i, y + k, x + l], O x I x K x L."""
    x, grad = (t.permute(0, 2, 3, 1).contiguous() for t in (x, grad))
    batch, height, width, outputs = grad.shape
    channels = x.shape[3]
    K, L = x.shape[1] - height + 1, x.shape[2] - width + 1
    numbers = K * L * channels  # that an output place looks at
    # Strips whose copy stays in the cache while it is multiplied.
    strip = max(1, min(height, _STRIP_BYTES // (x.element_size() * numbers * width)))
    windows = x.new_empty(strip, width, K, L * channels)
    result = x.new_zeros(outputs, numbers)
    picture, row, place, _ = x.stride()
    for b in range(batch):
        for top in range(0, height, strip):
            part = grad[b, top : top + strip]
            seen = windows[: len(part)]
            # The L places of a window's row lie one after the other, so overlapping views do.
            shape, strides = seen.shape, (row, place, row, 1)
            seen.copy_(x.as_strided(shape, strides, x.storage_offset() + b * picture + top * row))
            result.addmm_(part.reshape(-1, outputs).T, seen.view(-1, numbers))
    return result.view(outputs, K, L, channels).permute(0, 3, 1, 2)
