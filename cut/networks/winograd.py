"""3x3 convolutions in a quarter of the multiplications, in float32 on a CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, "Fast algorithms for convolutional
neural networks", section 4): a tile of 6 x 6 places is transformed, multiplied by the transformed
weights channel by channel, and transformed back to 4 x 4 outputs, so that a tile takes 36
multiplications a pair of channels where the definition takes 144. Rounding errors come out some
five times those of the definition: 4e-5 where the outputs are of the order of one.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

Matrix = tuple[tuple[float, ...], ...]

LEAST_CHANNELS, LEAST_PAIRS = 64, 64 * 128
"""Channels of either side, and pairs of them; with fewer the transforms take what is saved."""

TILES = 128
"""Tiles that are worked on together, so that they stay in the cache."""

_OF_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OF_WEIGHT = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OF_OUTPUT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_EVERYWHERE = 7
"""The product, the second of the second row, that is added to every output of its tile."""


def suits(shape: Sequence[int], height: int, width: int) -> bool:
    """Whether `convolve` is worth it for weights of a shape and height x width outputs.

    Args:
        shape: C_out x C_in x K x L.
    """
    outputs, inputs, *kernel = shape
    wide = min(outputs, inputs) >= LEAST_CHANNELS and outputs * inputs >= LEAST_PAIRS
    return wide and kernel == [3, 3] and min(height, width) >= 4


def suits_gradient(shape: Sequence[int], height: int, width: int) -> bool:
    """The same of `weight_gradient`, which is worth it sooner."""
    outputs, inputs, *kernel = shape
    return min(outputs, inputs) >= 32 and kernel == [3, 3] and min(height, width) >= 4


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The convolution of x, B x C_in x H x W with sides of at least 6, channels-last.

    Args:
        weight: C_out x C_in x 3 x 3.
        bias: C_out.

    Returns:
        B x C_out x (H - 2) x (W - 2), channels-last.
    """
    outputs, inputs = weight.shape[:2]
    taps = weight.permute(2, 3, 0, 1).reshape(9, outputs * inputs)
    filters = (_square(_OF_WEIGHT) @ taps).view(36, outputs, inputs).transpose(1, 2)
    size = (len(x), outputs, x.shape[2] - 2, x.shape[3] - 2)
    result = torch.empty(size, device=x.device, memory_format=torch.channels_last)
    for inner, outer in _wholes(x, result):
        for seen, out in _strips(inner, outer):
            products = torch.bmm(_transform(_OF_INPUT, seen), filters)
            if bias is not None:
                products[_EVERYWHERE] += bias
            out.copy_(_both_ways(_OF_OUTPUT, products).view(4, 4, *out.shape[2:]))
    return result


def weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """The gradient of the weights, C_out x C_in x 3 x 3, where x was convolved by `convolve`.

    Args:
        x: what was convolved, B x C_in x H x W.
        grad: of the outputs, B x C_out x (H - 2) x (W - 2).
    """
    outputs, inputs = grad.shape[1], x.shape[1]
    beyond = (0, -grad.shape[3] % 4, 0, -grad.shape[2] % 4)
    if any(beyond):
        x, grad = F.pad(x, beyond), F.pad(grad, beyond)
    by_filters = x.new_zeros(36, outputs, inputs)
    for seen, out in _strips(x, grad):
        of_output = _transform(tuple(zip(*_OF_OUTPUT, strict=True)), out)
        by_filters.baddbmm_(of_output.transpose(1, 2), _transform(_OF_INPUT, seen))
    by_taps = _square(_OF_WEIGHT).T @ by_filters.view(36, -1)
    return by_taps.view(3, 3, outputs, inputs).permute(2, 3, 0, 1)


def _wholes(x: Tensor, result: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Parts of x and the result whose outputs are multiples of four, and cover it together.

    Where a side is no multiple, its last four outputs are computed a second time.
    """
    for rows, columns in product(*(_spans(side) for side in result.shape[2:])):
        inner = x[:, :, rows.start : rows.stop + 2, columns.start : columns.stop + 2]
        yield inner, result[:, :, rows, columns]


def _spans(side: int) -> list[slice]:
    rest = side % 4
    return [slice(0, side - rest)] + ([slice(side - 4, side)] if rest else [])


def _strips(x: Tensor, result: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Tiles of x and theirs of the result, 6 x 6 and 4 x 4 x pictures x rows x columns x channels.

    At most `TILES` at a time: of several pictures, of one, or of a row of one.
    """
    height, width = result.shape[2] // 4, result.shape[3] // 4
    columns = math.ceil(width / math.ceil(width / TILES))
    rows = max(1, min(height, TILES // columns))
    pictures = max(1, TILES // (height * width))
    steps = ((len(x), pictures), (height, rows), (width, columns))
    cuts = [[slice(n, n + step) for n in range(0, size, step)] for size, step in steps]
    inner, outer = _tiles(x, 6), _tiles(result, 4)
    for part in product(*cuts):
        yield inner[:, :, *part], outer[:, :, *part]


def _tiles(x: Tensor, side: int) -> Tensor:
    """Squares of `side` at every fourth place: side x side x B x rows x columns x C, a view."""
    picture, channel, row, column = x.stride()
    grid = (len(x), (x.shape[2] - side) // 4 + 1, (x.shape[3] - side) // 4 + 1)
    shape = (side, side, *grid, x.shape[1])
    return x.as_strided(shape, (row, column, picture, 4 * row, 4 * column, channel))


def _transform(matrix: Matrix, tiles: Tensor) -> Tensor:
    """Tiles as `_strips` gives them, by the matrix both ways: places x tiles x channels."""
    side, channels = len(matrix), tiles.shape[-1]
    return _both_ways(matrix, tiles.contiguous()).view(side * side, -1, channels)


def _both_ways(matrix: Matrix, x: Tensor) -> Tensor:
    """M X M^T for each tile and channel, of x whose first numbers are the places of a tile."""
    by = _tensor(matrix)
    after, before = by.shape
    rows = by @ x.view(before, -1)
    return torch.bmm(by.expand(after, -1, -1), rows.view(after, before, -1))


@cache
def _tensor(matrix: Matrix) -> Tensor:
    return torch.tensor(matrix, dtype=torch.float32)


@cache
def _square(matrix: Matrix) -> Tensor:
    """The matrix that does on both sides at once what `_both_ways` does."""
    return torch.kron(_tensor(matrix), _tensor(matrix))
