"""3x3 convolutions in a quarter of the multiplications, in float32 on a CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, "Fast algorithms for convolutional
neural networks", section 4): a tile of 6 x 6 places is transformed, multiplied by the transformed
weights channel by channel, and transformed back to 4 x 4 outputs, so that a tile takes 36
multiplications a pair of channels where the definition takes 144. Rounding errors come out some
five times those of the definition: 4e-5 where the outputs are of the order of one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

Matrix = tuple[tuple[float, ...], ...]

LEAST_CHANNELS, LEAST_PAIRS = 64, 64 * 128
"""Channels of either side, and pairs of them; with fewer the transforms take what is saved."""

LEAST_CHANNELS_OF_GRADIENT = 32

LEAST_TILES = 32
"""In a batch; with fewer the products are too small to be fast."""

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
_OF_GRADIENT = tuple(zip(*_OF_OUTPUT, strict=True))
_EVERYWHERE = 7
"""The product, the second of the second row, that is added to every output of its tile."""


def suits(shape: Sequence[int], outputs: Sequence[int]) -> bool:
    """Whether `convolve` is worth it for weights and outputs of such shapes.

    Args:
        shape: C_out x C_in x K x L.
        outputs: B x C_out x H x W.
    """
    return wide_enough(shape) and _count_tiles(outputs) >= LEAST_TILES


def wide_enough(shape: Sequence[int]) -> bool:
    """The same, where there are places enough."""
    out, channels, *kernel = shape
    wide = min(out, channels) >= LEAST_CHANNELS and out * channels >= LEAST_PAIRS
    return wide and kernel == [3, 3]


def suits_gradient(shape: Sequence[int], outputs: Sequence[int]) -> bool:
    """The same of `weight_gradient`, which is worth it sooner."""
    wide = min(shape[:2]) >= LEAST_CHANNELS_OF_GRADIENT
    return wide and list(shape[2:]) == [3, 3] and _count_tiles(outputs) >= LEAST_TILES


def numbers_beside(shape: Sequence[int]) -> int:
    """How many numbers `convolve` holds beside input and result, however small they are.

    The weights by tap and by filter, and the tiles that are worked on.

    Args:
        shape: of the weights, C_out x C_in x K x L.
    """
    out, channels = shape[:2]
    return (9 + 36) * out * channels + TILES * 36 * 2 * (out + channels)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """The convolution of x, B x C_in x H x W, best channels-last; float32.

    Args:
        weight: C_out x C_in x 3 x 3.
        bias: C_out.
        padding: zeros to lay around x, up and down, left and right.

    Returns:
        B x C_out x (H + 2 padding - 2) x (W + 2 padding - 2), channels-last.
    """
    size = _size(x, weight, padding)
    result = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    for pictures, rows, columns, outputs in blocks(x, weight, bias, padding):
        result[pictures, :, rows, columns] = outputs.permute(0, 3, 1, 2)
    return result


def blocks(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: tuple[int, int] = (0, 0)
) -> Iterator[tuple[slice, slice, slice, Tensor]]:
    """The outputs of `convolve` in blocks: pictures, rows, columns, and B x H x W x C_out of them.

    A block is still in the processor's cache.
    """
    size = _size(x, weight, padding)
    outputs, inputs = weight.shape[:2]
    taps = weight.permute(2, 3, 0, 1).reshape(9, outputs * inputs)
    filters = (_square(_OF_WEIGHT) @ taps).view(36, outputs, inputs).transpose(1, 2)
    for pictures, rows, columns in _strips(*size):
        seen = _seen(x[pictures], rows, columns, padding)
        products = torch.bmm(_transform(_OF_INPUT, seen), filters)
        if bias is not None:
            products[_EVERYWHERE] += bias
        tiles = _both_ways(_OF_OUTPUT, products).view(4, 4, *seen.shape[2:5], outputs)
        # What lies beyond the last row and column is of no one.
        rows, columns = (
            slice(s.start, min(s.stop, n)) for s, n in ((rows, size[2]), (columns, size[3]))
        )
        inside = _joined(tiles)[:, : rows.stop - rows.start, : columns.stop - columns.start]
        yield pictures, rows, columns, inside


def _size(x: Tensor, weight: Tensor, padding: tuple[int, int]) -> tuple[int, int, int, int]:
    height, width = (x.shape[2 + i] + 2 * padding[i] - 2 for i in range(2))
    return len(x), weight.shape[0], height, width


def weight_gradient(x: Tensor, grad: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """The gradient of the weights, C_out x C_in x 3 x 3, where x was convolved by `convolve`.

    Args:
        x: what was convolved, B x C_in x H x W.
        grad: of the outputs, B x C_out x (H + 2 padding - 2) x (W + 2 padding - 2).
        padding: zeros that were laid around x, up and down, left and right.
    """
    by_filters = x.new_zeros(36, grad.shape[1], x.shape[1])
    for pictures, rows, columns in _strips(*grad.shape):
        seen = _seen(x[pictures], rows, columns, padding)
        arriving = _tiles(_cut(grad[pictures], rows, columns), 4)
        of_gradient = _transform(_OF_GRADIENT, arriving)
        by_filters.baddbmm_(of_gradient.transpose(1, 2), _transform(_OF_INPUT, seen))
    by_taps = _square(_OF_WEIGHT).T @ by_filters.view(36, -1)
    return by_taps.view(3, 3, grad.shape[1], x.shape[1]).permute(2, 3, 0, 1)


def _count_tiles(outputs: Sequence[int]) -> int:
    batch, _, height, width = outputs
    return batch * -(-height // 4) * -(-width // 4)


def _strips(batch: int, _: int, height: int, width: int) -> Iterator[tuple[slice, slice, slice]]:
    """Pictures, rows and columns of the outputs in parts of at most `TILES` tiles, whole tiles.

    Of several pictures, of one, or of a row of one; the last tiles may reach over the edge.
    """
    down, across = -(-height // 4), -(-width // 4)
    columns = -(-across // -(-across // TILES))
    rows = max(1, min(down, TILES // columns))
    pictures = max(1, TILES // (down * across))
    steps = ((batch, pictures), (4 * down, 4 * rows), (4 * across, 4 * columns))
    cuts = [[slice(n, min(n + step, size)) for n in range(0, size, step)] for size, step in steps]
    return product(*cuts)


def _seen(x: Tensor, rows: slice, columns: slice, padding: tuple[int, int]) -> Tensor:
    """The tiles of x that outputs are computed from: 6 x 6 x B x rows x columns x C."""
    around = (
        slice(side.start - before, side.stop + 2 - before)
        for side, before in zip((rows, columns), padding, strict=True)
    )
    return _tiles(_cut(x, *around), 6)


def _cut(x: Tensor, rows: slice, columns: slice) -> Tensor:
    """Rows and columns of B x C x H x W, which may lie outside, where zeros are."""
    inside, around = [], []
    for side, size in zip((rows, columns), x.shape[2:], strict=True):
        start, stop = (min(max(0, n), size) for n in (side.start, side.stop))
        inside.append(slice(start, stop))
        around.append((start - side.start, side.stop - stop))
    part = x[:, :, *inside]
    vertical, horizontal = around
    return F.pad(part, (*horizontal, *vertical)) if any(horizontal + vertical) else part


def _tiles(x: Tensor, side: int) -> Tensor:
    """Squares of `side` at every fourth place: side x side x B x rows x columns x C, a view."""
    picture, channel, row, column = x.stride()
    grid = (len(x), (x.shape[2] - side) // 4 + 1, (x.shape[3] - side) // 4 + 1)
    shape = (side, side, *grid, x.shape[1])
    strides = (row, column, picture, 4 * row, 4 * column, channel)
    return x.as_strided(shape, strides, x.storage_offset())


def _joined(tiles: Tensor) -> Tensor:
    """Tiles of 4 x 4 side by side: B x H x W x C."""
    _, _, batch, rows, columns, channels = tiles.shape
    return tiles.permute(2, 3, 0, 4, 1, 5).reshape(batch, 4 * rows, 4 * columns, channels)


def _transform(matrix: Matrix, tiles: Tensor) -> Tensor:
    """Tiles as `_tiles` gives them, by the matrix both ways: places x tiles x channels."""
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
    with torch.inference_mode(False):  # for training, too, whoever asks first
        return torch.tensor(matrix, dtype=torch.float32, device="cpu")


@cache
def _square(matrix: Matrix) -> Tensor:
    """The matrix that does on both sides at once what `_both_ways` does."""
    with torch.inference_mode(False):
        return torch.kron(_tensor(matrix), _tensor(matrix))
