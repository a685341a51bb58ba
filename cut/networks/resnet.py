"""The ResNet generator of CycleGAN and CUT (Johnson et al. 2016; CUT, appendix C.1).

Its first half is the encoder whose features the paper contrasts (section 3.2). Layers sit in one
`model` sequence at their published places, so a layer's number in the sequence is the paper's.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from cut.networks.antialias import BlurDown, BlurUp
from cut.networks.convolution import Conv2d
from cut.networks.doubling import double_and_convolve
from cut.networks.grid import Grid
from cut.networks.layers import InstanceNorm
from cut.networks.published import check_fits


class ResidualBlock(nn.Module):
    """x + f(x), f two reflection-padded 3x3 convolutions with instance norm: B x C x H x W."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            Conv2d(channels, channels, 3),
            InstanceNorm(),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            Conv2d(channels, channels, 3),
            InstanceNorm(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_block(x).add_(x)


class ResnetGenerator(nn.Module):
    """Picture to picture, B x 3 x H x W in [-1, 1], sides multiples of four and at least 12.

    Args:
        ngf: channels after the first convolution; the residual blocks have four times as many.
        blocks: residual blocks, 9 (256 px and more) or 6 as published.
        antialias: blur before taking every second place in the encoder.
        antialias_up: blur after doubling in the decoder, instead of transposed convolutions.

    Where `checkpointing` is set true, training keeps what goes into each part of the network alone
    and computes the part again when its gradient is wanted (Chen et al. 2016, "Training deep nets
    with sublinear memory cost"): the same numbers, in less memory and more time.
    """

    def __init__(
        self, ngf: int = 64, blocks: int = 9, antialias: bool = True, antialias_up: bool = True
    ):
        super().__init__()
        self.architecture: dict[str, Any] = {
            "ngf": ngf,
            "blocks": blocks,
            "antialias": antialias,
            "antialias_up": antialias_up,
        }
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), Conv2d(3, ngf, 7), *_norm_relu()]
        for channels in (ngf, 2 * ngf):
            layers += _halve(channels, antialias)
        layers += [ResidualBlock(4 * ngf) for _ in range(blocks)]
        for channels in (4 * ngf, 2 * ngf):
            layers += _double(channels, antialias_up)
        layers += [nn.ReflectionPad2d(3), Conv2d(ngf, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.checkpointing = False
        self.width = ngf
        self.first_block = 12 if antialias else 10
        self.blocks = blocks

    def forward(self, x: Tensor, layers: Sequence[int] = ()) -> tuple[Tensor, list[Tensor]]:
        """The translation, and the features of `layers` that came by on the way."""
        return self._through(x, layers, 0, len(self.model))

    def encode(self, x: Tensor, layers: Sequence[int], start: int = 0) -> list[Tensor]:
        """The features of `layers` (ascending), computing no further than the last of them.

        `x` is a picture, or with a later `start` the features of the layer before that one.
        """
        return self._through(x, layers, start, max(layers) + 1)[1]

    def _through(
        self, x: Tensor, layers: Sequence[int], start: int, stop: int
    ) -> tuple[Tensor, list[Tensor]]:
        """What layer `stop` - 1 gives, and the features of `layers` on the way."""
        if not (self.checkpointing and torch.is_grad_enabled()):
            return self._part(x, layers, start, stop)
        from torch.utils.checkpoint import checkpoint  # imports more than most runs need

        features = []
        borders = [start, *(n for n in self._borders() if start < n < stop), stop]
        for part in pairwise(borders):
            x, passing = checkpoint(
                self._part, x, layers, *part, use_reentrant=False, preserve_rng_state=False
            )
            features += passing
        return x, features

    def _part(
        self, x: Tensor, layers: Sequence[int], start: int, stop: int
    ) -> tuple[Tensor, list[Tensor]]:
        features = []
        doubling = None
        for number, layer in enumerate(self.model[start:stop], start):
            if isinstance(layer, BlurUp) and number not in layers and number + 1 < stop:
                doubling = layer  # with the convolution that is next
                continue
            if doubling is None:
                x = layer(x)
            else:
                assert isinstance(layer, nn.Conv2d)
                x = double_and_convolve(x, doubling, layer)
            doubling = None
            if number in layers:
                features.append(x)
        return x, features

    def _borders(self) -> Iterator[int]:
        """The layers that a new part begins with: one after each ReLU, and after its blur."""
        for number, (before, layer) in enumerate(pairwise(self.model), 1):
            ends = isinstance(before, nn.ReLU | BlurDown | ResidualBlock)
            if ends and not isinstance(layer, BlurDown):
                yield number

    def grids(self, layers: Iterable[int]) -> list[Grid]:
        """Channels and geometry of each of `layers`, without running a picture through.

        Raises:
            ValueError: a layer is none of the encoder's (its features cannot be contrasted).
        """
        return [self._grid(layer) for layer in layers]

    def receptive_field(self, layer: int) -> int:
        """Side, in px, of the square of the input that one place of `layer` sees."""
        field, stride = 1, 1
        for kernel, step in self._kernels(layer):
            field += (kernel - 1) * stride
            stride *= step
        return field

    def _kernels(self, layer: int) -> Iterator[tuple[int, int]]:
        """Side and stride of every kernel on the way to `layer`."""
        for module in self.model[: layer + 1]:
            if isinstance(module, nn.Conv2d):
                yield module.kernel_size[0], module.stride[0]
            elif isinstance(module, BlurDown):
                yield 3, 2
            elif isinstance(module, ResidualBlock):
                yield from ((3, 1), (3, 1))

    def _grid(self, layer: int) -> Grid:
        last = self.first_block + self.blocks - 1
        if not 0 <= layer <= last:
            raise ValueError(f"layer {layer} is not in the encoder: choose from 0 to {last}")
        channels, offset = 3, -3
        for module in self.model[: layer + 1]:
            if isinstance(module, nn.Conv2d):
                channels, offset = module.out_channels, 0
        stride = math.prod(step for _, step in self._kernels(layer))
        return Grid(channels, stride, offset)


def _norm_relu() -> list[nn.Module]:
    # In place after the norm only: a convolution's own output is a feature that is contrasted.
    return [InstanceNorm(), nn.ReLU(inplace=True)]


def _halve(channels: int, antialias: bool) -> list[nn.Module]:
    if antialias:
        conv = Conv2d(channels, 2 * channels, 3, padding=1)
        return [conv, *_norm_relu(), BlurDown(2 * channels)]
    return [Conv2d(channels, 2 * channels, 3, stride=2, padding=1), *_norm_relu()]


def _double(channels: int, antialias: bool) -> list[nn.Module]:
    half = channels // 2
    if antialias:
        return [BlurUp(channels), Conv2d(channels, half, 3, padding=1), *_norm_relu()]
    conv = nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1)
    return [conv, *_norm_relu()]


def architecture_of(state: dict[str, Tensor]) -> dict[str, Any]:
    """Read the arguments of `ResnetGenerator` off the keys and shapes of a published state dict.

    Raises:
        ValueError: the state dict is not one of this generator's, however it is set.
    """
    first = state.get("model.1.weight")
    if first is None or first.ndim != 4 or tuple(first.shape[1:]) != (3, 7, 7):
        raise ValueError("its first convolution is not the 7x7 one of a ResNet generator")
    blocks = {key.split(".")[1] for key in state if ".conv_block." in key}
    antialias = "model.7.filt" in state
    after_blocks = (12 if antialias else 10) + len(blocks)
    antialias_up = f"model.{after_blocks}.filt" in state
    settings: dict[str, Any] = {
        "ngf": first.shape[0],
        "blocks": len(blocks),
        "antialias": antialias,
        "antialias_up": antialias_up,
    }
    with torch.device("meta"):
        expected = ResnetGenerator(**settings).state_dict()
    check_fits(state, expected, "ResNet")
    return settings
