"""Layers of StyleGAN2 (Karras et al. 2020) as the networks of single-image CUT use them.

Weights are drawn from N(0, 1) and divided by the root of their fan-in where they are used, so that
Adam moves all of them at one pace. Every activation is sqrt(2) times a leaky ReLU, and a leaky ReLU
may be scaled before as well as after: all such factors are multiplied into the weights, which are
few, instead of the features, which are many. Parameter names are the published ones.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cut.networks.antialias import binomial_filter

SLOPE = 0.2
"""Of the leaky ReLU left of zero."""

GAIN = math.sqrt(2)
"""What an activation multiplies by, to keep the variance of what goes through it."""

HALF = math.sqrt(0.5)
"""What a residual block multiplies the sum of its two paths by, for the same reason."""


class _Blur(torch.autograd.Function):
    """Depthwise 4x4 blur at stride 1; being symmetric, it is its own transpose but for the padding.

    So its gradient, and the gradient's gradient that R1 asks for, are blurs too. PyTorch's own
    gradient of a depthwise convolution takes twenty times as long on a CPU in bfloat16.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.padding = padding
        channels = x.shape[1]
        return F.conv2d(x, kernel.expand(channels, 1, 4, 4), padding=padding, groups=channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (kernel,) = ctx.saved_tensors
        return _Blur.apply(grad, kernel, 3 - ctx.padding), None, None


class _BlurHalve(torch.autograd.Function):
    """The same blur over one line of zeros, at every second place: B x C x H x W to H/2 x W/2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        channels = x.shape[1]
        weight = kernel.expand(channels, 1, 4, 4)
        return F.conv2d(x, weight, stride=2, padding=1, groups=channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (kernel,) = ctx.saved_tensors
        return _BlurHalveTransposed.apply(grad, kernel), None


class _BlurHalveTransposed(torch.autograd.Function):
    """The transpose of `_BlurHalve`: bilinear doubling over zeros, at a quarter of the height."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        fine = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear")
        return fine[:, :, 2:-2, 2:-2] * 0.25

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (kernel,) = ctx.saved_tensors
        return _BlurHalve.apply(grad, kernel), None


class Blur(nn.Module):
    """Blur by [1, 3, 3, 1] in both directions: B x C x H x W, sides grow by 2 * padding - 3.

    Args:
        padding: lines of zeros around the picture.
        gain: that the filter sums to.
    """

    kernel: Tensor

    def __init__(self, padding: int, gain: float = 1.0):
        super().__init__()
        self.padding = padding
        self.register_buffer("kernel", binomial_filter((1.0, 3.0, 3.0, 1.0), 1, gain)[0, 0])

    def forward(self, x: Tensor) -> Tensor:
        return _Blur.apply(x, self.kernel, self.padding)


class BlurHalve(Blur):
    """The blur at every second place only: B x C x H x W to H/2 x W/2."""

    def __init__(self) -> None:
        super().__init__(padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return _BlurHalve.apply(x, self.kernel)


def _drawn(*shape: int) -> Tensor:
    """Standard normal first weights; on the meta device, where drawing imports a compiler, none."""
    weights = torch.empty(shape)
    return weights if weights.is_meta else weights.normal_()


class ScaledConv(nn.Module):
    """A convolution whose weights, from N(0, 1), are divided by the root of their fan-in."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int, padding: int):
        super().__init__()
        self.weight = nn.Parameter(_drawn(outputs, inputs, side, side))
        self.scale = 1 / math.sqrt(inputs * side**2)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor, gain: float, bias: Tensor | None = None) -> Tensor:
        """`gain` times the convolution with `bias`, 1 x C x 1 x 1."""
        weight = self.weight * (self.scale * gain)
        offset = None if bias is None else bias.flatten() * gain
        return F.conv2d(x, weight, offset, self.stride, self.padding)


class Bias(nn.Module):
    """One number a channel, at first zero."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))


class ConvLayer(nn.Sequential):
    """Convolution, and activation with bias: B x C x H x W to the same sides or half of them.

    Args:
        inputs, outputs: channels.
        side: of the kernel, 1 or 3.
        halve: blur first, then take every second place.
        activate: if not, there is neither bias nor leaky ReLU.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, halve: bool = False, activate: bool = True
    ):
        self.halve, self.activate = halve, activate
        # A 1x1 kernel reads nothing of the places that are left out: blur only the others then.
        blur_is_enough = side == 1
        stride = 2 if halve and not blur_is_enough else 1
        parts: list[nn.Module] = []
        if halve:
            parts.append(BlurHalve() if blur_is_enough else Blur(padding=2))
        parts.append(ScaledConv(inputs, outputs, side, stride, 0 if halve else side // 2))
        if activate:
            parts.append(Bias(outputs))
        super().__init__(*parts)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """`gain` times the layer's output."""
        if self.halve:
            x = self[0](x)
        conv = self[int(self.halve)]
        if not self.activate:
            return conv(x, gain)
        return F.leaky_relu(conv(x, gain * GAIN, self[-1].bias), SLOPE, inplace=True)


class ResidualBlock(nn.Module):
    """(x + f(x)) / sqrt(2), f two 3x3 convolutions: B x C x H x W, or halved and wider."""

    def __init__(self, inputs: int, outputs: int, halve: bool = False):
        super().__init__()
        self.conv1 = ConvLayer(inputs, inputs, 3)
        self.conv2 = ConvLayer(inputs, outputs, 3, halve)
        self.skip = ConvLayer(inputs, outputs, 1, halve, activate=False) if halve else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x), gain=HALF)
        if self.skip is None:
            return torch.add(y, x, alpha=HALF)
        return self.skip(x, gain=HALF).add_(y)


class DoublingConv(nn.Module):
    """Transposed 3x3 convolution that doubles the sides, then a blur: B x C x H x W to 2H x 2W.

    StyleGAN2's modulated convolution without a style: what is left of modulation is that every
    output's weights are brought to unit length.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(_drawn(1, outputs, inputs, 3, 3))
        self.blur = Blur(padding=1, gain=4.0)

    def forward(self, x: Tensor, gain: float) -> Tensor:
        weight = self.weight[0] / math.sqrt(self.weight[0, 0].numel())
        length = (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        return self.blur(
            F.conv_transpose2d(x, (weight * (gain / length)).transpose(0, 1), stride=2)
        )


class NoiseStrength(nn.Module):
    """How much noise is added, at first none."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Doubling convolution, noise, bias and activation: B x C x H x W to B x C' x 2H x 2W."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = DoublingConv(inputs, outputs)
        self.noise = NoiseStrength()
        self.activate = Bias(outputs)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """`noise`: standard normal numbers, B x 1 x 2H x 2W (or 1 x ...)."""
        x = self.conv(x, GAIN)
        x = x + noise * (self.noise.weight * GAIN)
        return F.leaky_relu(x + self.activate.bias * GAIN, SLOPE, inplace=True)


class ScaledLinear(nn.Module):
    """A linear layer with weights scaled as in `ScaledConv`: B x N to B x `outputs`."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(_drawn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        weight = self.weight * (gain / math.sqrt(self.weight.shape[1]))
        return F.linear(x, weight, self.bias * gain)
