"""Generator and discriminator of single-image CUT (section 4.4), built of StyleGAN2's layers.

The published code derives widths from `ngf`, `ndf` and the crop's size; here they are plain
numbers, so that a model can be loaded without knowing how it was trained.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cut.networks.grid import Grid
from cut.networks.published import check_fits
from cut.networks.stylegan2_layers import (
    GAIN,
    SLOPE,
    ConvLayer,
    ResidualBlock,
    ScaledLinear,
    StyledConv,
)
from cut.randomness import generator_for


class _Encoder(nn.Module):
    def __init__(self, channels: Sequence[int], blocks: int):
        super().__init__()
        full, half = channels
        self.convs = nn.Sequential(
            nn.Identity(),
            ConvLayer(3, full, 1),
            ResidualBlock(full, half, halve=True),
            *(ResidualBlock(half, half) for _ in range(blocks)),
        )


class _Decoder(nn.Module):
    def __init__(self, channels: Sequence[int], blocks: int):
        super().__init__()
        full, half = channels
        self.convs = nn.Sequential(
            *(ResidualBlock(half, half) for _ in range(blocks)),
            StyledConv(half, full),
            ConvLayer(full, 3, 1),
        )

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        for layer in self.convs:
            x = layer(x, noise) if isinstance(layer, StyledConv) else layer(x)
        return x


class StyleGAN2Generator(nn.Module):
    """Picture to picture, B x 3 x H x W in [-1, 1] (the output unbounded), even sides.

    Args:
        channels: at full size, and after halving; (80, 160) as published.
        blocks: residual blocks at half size, in the encoder and again in the decoder.
    """

    def __init__(self, channels: Sequence[int] = (80, 160), blocks: int = 3):
        super().__init__()
        self.architecture: dict[str, Any] = {"channels": list(channels), "blocks": blocks}
        self.width = channels[0]
        self.encoder = _Encoder(channels, blocks)
        self.decoder = _Decoder(channels, blocks)

    def forward(
        self, x: Tensor, layers: Sequence[int] = (), noise: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The translation, and the features of `layers` that came by on the way.

        Args:
            x: pictures.
            layers: of the encoder.
            noise: standard normal numbers for the decoder, B x 1 x H x W; None for those that
                belong to the picture's size, the same every time.
        """
        if noise is None:
            noise = fixed_noise(*x.shape[2:])
        features = []
        y = x
        for number, layer in enumerate(self.encoder.convs):
            y = layer(y)
            if number in layers:
                features.append(y)
        return self.decoder(y, noise.to(x)), features

    def encode(self, x: Tensor, layers: Sequence[int], start: int = 0) -> list[Tensor]:
        """The features of `layers` (ascending), computing no further than the last of them.

        `x` is a picture, or with a later `start` the features of the layer before that one.
        """
        features = []
        for number, layer in enumerate(self.encoder.convs[start : max(layers) + 1], start):
            x = layer(x)
            if number in layers:
                features.append(x)
        return features

    def encode_at(self, x: Tensor, layer: int, place: int) -> Tensor:
        """The features of `layer` at one row-major place, from no more than it sees: B x C."""
        grid = self._grid(layer)
        row, column = divmod(place, x.shape[3] // grid.stride)
        reach = (self.receptive_field(layer) - 1) / 2
        top, bottom = _window(row, grid, reach, x.shape[2])
        left, right = _window(column, grid, reach, x.shape[3])
        features = self.encode(x[:, :, top:bottom, left:right], [layer])[0]
        return features[:, :, row - top // grid.stride, column - left // grid.stride]

    def grids(self, layers: Iterable[int]) -> list[Grid]:
        """Channels and geometry of each of `layers`, without running a picture through.

        Raises:
            ValueError: a layer is none of the encoder's.
        """
        return [self._grid(layer) for layer in layers]

    def _grid(self, layer: int) -> Grid:
        last = len(self.encoder.convs) - 1
        if not 0 <= layer <= last:
            raise ValueError(f"layer {layer} is not in the encoder: choose from 0 to {last}")
        full, half = self.architecture["channels"]
        # Blurs of four taps are centred between two pixels.
        return Grid(half, 2, 0.5) if layer >= 2 else Grid((3, full)[layer], 1)

    def receptive_field(self, layer: int) -> int:
        """Side, in px, of the square of the input that one place of `layer` sees."""
        field, stride = 1, 1
        for kernel, step in self._kernels(layer):
            field += (kernel - 1) * stride
            stride *= step
        return field

    def _kernels(self, layer: int) -> Iterator[tuple[int, int]]:
        """Side and stride of every kernel on the longest way to `layer`."""
        if layer >= 2:
            yield from ((3, 1), (4, 1), (3, 2))
        for _ in range(3, layer + 1):
            yield from ((3, 1), (3, 1))


def _window(index: int, grid: Grid, reach: float, length: int) -> tuple[int, int]:
    """First and last (exclusive) of the lines that an index of a layer sees, on its own raster.

    What lies between the window's edge and the picture's is never seen, so that the zeros around
    either are the same to this index.
    """
    centre = grid.offset + grid.stride * index
    first = int(max(0, centre - reach)) // grid.stride * grid.stride
    last = -(-int(min(length, centre + reach + 1)) // grid.stride) * grid.stride
    return first, last


def fixed_noise(height: int, width: int) -> Tensor:
    """Standard normal numbers, 1 x 1 x H x W, the same for every picture of that size."""
    generator = generator_for("decoder noise", height, width)
    return torch.randn((1, 1, height, width), generator=generator)


class StyleGAN2Discriminator(nn.Module):
    """Square pictures B x 3 x S x S in [-1, 1] to one logit each, B x 1.

    Without StyleGAN2's deviation over the batch, as published: every verdict is of one picture.

    Args:
        channels: at full size and after each halving, the last at 4 x 4.
    """

    def __init__(self, channels: Sequence[int] = (32, 64, 128, 256, 384)):
        super().__init__()
        last = channels[-1]
        self.convs = nn.Sequential(
            ConvLayer(3, channels[0], 1),
            *(ResidualBlock(wide, wider, halve=True) for wide, wider in pairwise(channels)),
        )
        self.final_conv = ConvLayer(last, last, 3)
        self.final_linear = nn.Sequential(ScaledLinear(16 * last, last), ScaledLinear(last, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.final_conv(self.convs(x)).flatten(1)
        first, second = self.final_linear
        return second(F.leaky_relu(first(x, GAIN), SLOPE))


def architecture_of(state: dict[str, Tensor]) -> dict[str, Any]:
    """Read the arguments of `StyleGAN2Generator` off the keys and shapes of a published state dict.

    Raises:
        ValueError: the state dict is not one of this generator's, however it is set.
    """
    halving = state.get("encoder.convs.2.conv2.1.weight")
    if halving is None or halving.ndim != 4:
        raise ValueError("its encoder does not halve as StyleGAN2's does")
    half, full = halving.shape[:2]
    names = (key.split(".") for key in state if key.startswith("encoder."))
    blocks = len({name[2] for name in names}) - 2
    with torch.device("meta"):
        expected = StyleGAN2Generator((full, half), blocks).state_dict()
    check_fits(state, expected, "StyleGAN2")
    return {"channels": [full, half], "blocks": blocks}
