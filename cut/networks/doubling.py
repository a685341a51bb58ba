"""Doubling by `BlurUp` and the 3x3 convolution after it, in one convolution of the small map.

A place of the doubled map is a mean of two by two neighbours of the small one, whose weights depend
on whether its row and column are even or odd. So each of the four kinds of outputs is a 3x3
convolution of the small map, and all four together are one with four times the outputs: as many
multiplications, but the doubled map is never there, and a quarter of the places is gone through.
"""

from functools import cache

import torch
from torch import Tensor, nn

from cut.networks import winograd
from cut.networks.antialias import BlurUp
from cut.networks.convolution import Conv2d, goes_by_tiles

_EVEN = ((0.75, 0.25, 0), (0.25, 0.75, 0.75), (0, 0, 0.25))
_ODD = ((0.25, 0, 0), (0.75, 0.75, 0.25), (0, 0.25, 0.75))
"""How much of the small map's row above, at and below (outer index) each of a convolution's three
taps (inner index) sees, where the output's row is even or odd; columns are the same."""

LEAST_SIDE = 16
"""Of the small map: edges of narrower ones are much of them."""

LEAST_CHANNELS, LEAST_NUMBERS = 64, 1_100_000
"""Of the small map. From there on the doubled map does not stay in a processor's cache, and a
quarter to two fifths of the time is saved; with less, mending the edges takes what is saved."""


def double_and_convolve(x: Tensor, blur: BlurUp, conv: nn.Conv2d) -> Tensor:
    """`conv(blur(x))`, B x C_in x H x W to B x C_out x 2H x 2W; the same but for rounding.

    Args:
        conv: a 3x3 convolution at stride 1 that lays one line around.
    """
    if not _pays(x, conv):
        return conv(blur(x))
    bias = None if conv.bias is None else conv.bias.repeat(4)
    batch, _, height, width = x.shape
    # Rows and columns of the small map, each with its even and its odd one.
    result = x.new_empty((batch, height, 2, width, 2, conv.out_channels))
    for pictures, rows, columns, kinds in winograd.blocks(x, _folded(conv.weight), bias, (1, 1)):
        target = result[pictures, rows, :, columns].transpose(2, 3)
        target.copy_(kinds.view(*kinds.shape[:3], 2, 2, -1))
    doubled = result.view(batch, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)
    _mend_edges(doubled, x, blur, conv)
    return doubled


def _pays(x: Tensor, conv: nn.Conv2d) -> bool:
    # With a gradient those of the edges would take more than is saved.
    if torch.is_grad_enabled() or not isinstance(conv, Conv2d) or not conv.is_fast_on(x):
        return False
    wide, large = x.shape[1] >= LEAST_CHANNELS, x[0].numel() >= LEAST_NUMBERS
    kinds = (4 * conv.out_channels, *conv.weight.shape[1:])
    by_tiles = goes_by_tiles(x, kinds, (len(x), kinds[0], *x.shape[2:]))
    broad = min(x.shape[2:]) >= LEAST_SIDE
    return wide and large and by_tiles and broad and conv.padding == (1, 1)


def _folded(weight: Tensor) -> Tensor:
    """Weights of the four kinds of outputs, 4 C_out x C_in x 3 x 3: even rows first, and in each
    even columns first."""
    outputs, inputs = weight.shape[:2]
    taps = weight.permute(2, 3, 0, 1).reshape(9, -1)
    kinds = (_fold() @ taps).view(4, 3, 3, outputs, inputs)
    return kinds.permute(0, 3, 4, 1, 2).reshape(4 * outputs, inputs, 3, 3)


@cache
def _fold() -> Tensor:
    """36 x 9: from the taps of a convolution to those of the four kinds."""
    with torch.inference_mode(False):  # for training, too, whoever asks first
        ways = torch.tensor((_EVEN, _ODD), device="cpu")
        return torch.cat([torch.kron(row, column) for row in ways for column in ways])


def _mend_edges(doubled: Tensor, x: Tensor, blur: BlurUp, conv: nn.Conv2d) -> None:
    """The two outermost lines, which see what the blur and the convolution have beyond the edge."""
    for edge, seen, near in (
        (slice(2), slice(3), slice(2)),
        (slice(-2, None), slice(-3, None), slice(-2, None)),
    ):
        doubled[:, :, edge] = conv(blur(x[:, :, near])[:, :, seen])[:, :, edge]
        doubled[..., edge] = conv(blur(x[..., near])[..., seen])[..., edge]
