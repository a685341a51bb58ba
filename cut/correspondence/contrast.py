"""PatchNCE at every place of a grid at once: the map of which training takes the mean."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TEMPERATURE = 0.07

TIE = 1e-6
"""Cosines nearer than this differ by the order of a sum alone: a tie is not a defeat."""

COSINES = 2**20
"""Computed at a time: 4 MB, which stay near the processor."""

Array = NDArray[np.float32]


def losses_and_ranks(
    queries: Array, keys: Array, drawn: NDArray[np.int64] | None, temperature: float
) -> tuple[Array, Array]:
    """PatchNCE and the positive's rank (1 is best) of every query: two arrays of N numbers.

    Args:
        queries, keys: N x D unit vectors of output and input at the same places.
        drawn: the M places that serve as negatives: for one of them the other M - 1, for any other
            place the first M - 1. None for all other places.
        temperature: divides the cosines.
    """
    N, M = len(queries), len(keys) if drawn is None else len(drawn)
    rivals = torch.from_numpy(keys if drawn is None else keys[drawn]).T.contiguous()
    column = torch.from_numpy(_column_of(N, drawn))
    q, k = torch.from_numpy(queries), torch.from_numpy(keys)
    losses, ranks = torch.empty(N), torch.empty(N)
    step = max(1, min(N, COSINES // M))
    buffer = torch.empty(step, M)
    for start in range(0, N, step):
        rows = slice(start, min(start + step, N))
        positive = (q[rows] * k[rows]).sum(1)
        cosines = torch.mm(q[rows], rivals, out=buffer[: len(positive)])
        # The positive takes the column of the one place that is no negative here.
        cosines.scatter_(1, column[rows, None], positive[:, None])
        ranks[rows] = 1.0 + (cosines > positive[:, None] + TIE).sum(1)
        losses[rows] = _cross_entropy(cosines, positive, temperature)
    return losses.numpy(), ranks.numpy()


def loss_of(positive: float, negatives: Array, temperature: float) -> float:
    """PatchNCE of one query, from its cosines with the positive and the negatives."""
    cosines = torch.from_numpy(np.append(np.float32(positive), negatives))[None]
    return float(_cross_entropy(cosines.clone(), cosines[:, 0], temperature))


def rank_of(positive: float, negatives: Array) -> int:
    """1 where no negative is closer than the positive."""
    return 1 + int((negatives > np.float32(positive) + np.float32(TIE)).sum())


def _column_of(places: int, drawn: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """For every place, the column that is not its negative: its own, or else the last drawn."""
    if drawn is None:
        return np.arange(places)
    columns = np.full(places, len(drawn) - 1)
    columns[drawn] = np.arange(len(drawn))
    return columns


def _cross_entropy(cosines: Tensor, positive: Tensor, temperature: float) -> Tensor:
    """-log softmax of the positive over each row, which contains it; `cosines` is used up."""
    # Less the positive before the division: a loss near zero keeps its digits.
    highest = cosines.amax(1, keepdim=True)
    total = cosines.sub_(highest).div_(temperature).exp_().sum(1)
    return total.log() + (highest[:, 0] - positive) / temperature
