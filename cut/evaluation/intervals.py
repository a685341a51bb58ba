"""How sure one can be of a score: 95 % intervals for a model, for doing nothing and for the gain.

All say what would come out were other pictures drawn, on both sides. KID's squared MMD is
bootstrapped, the Frechet distance jackknifed: `benchmarks/intervals.py` measures how often each
holds the truth, and shows what the bootstrap makes of the Frechet distance.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cut.evaluation.distances import Distance, kernel, squared_mmd

Interval = tuple[float, float]

LEAST = 5
"""Pictures a side, below which there is too little to draw from for an interval."""

_AT_ONCE = 250
"""Draws in one product of matrices, for the memory's sake."""

_NORMAL_95 = 1.96
"""Half the width of a 95 % interval in standard errors."""


class Intervals(NamedTuple):
    """Low and high end of each; the gain is the distance of doing nothing less the model's."""

    value: Interval
    doing_nothing: Interval
    gain: Interval


def intervals(
    distance: Distance, before: Tensor, after: Tensor, wanted: Tensor
) -> Intervals | None:
    """Return the intervals of `distance`, or None for fewer than `LEAST` pictures on a side.

    Args:
        distance: `squared_mmd`, or any other, which is then jackknifed.
        before, after: features of the inputs and of their translations, in one order, n x d each.
        wanted: features of the target's pictures, m x d.

    An input and its translation are drawn together, so the gain is often surer than its two parts.
    The same pictures give the same intervals. They tell of chance alone: the Frechet distance's
    bias with few pictures stays in value and interval both.
    """
    if min(len(after), len(wanted)) < LEAST:
        return None
    if distance is squared_mmd:
        return bootstrap_mmd(before, after, wanted)
    return jackknife(distance, before, after, wanted)


def bootstrap_mmd(
    before: Tensor, after: Tensor, wanted: Tensor, draws: int = 2000, seed: int = 0
) -> Intervals:
    """Return the percentile intervals (Efron 1979) of the squared MMD over `draws` draws.

    Pictures are drawn with replacement on each side; one that is drawn twice is not compared with
    its copy, whose kernel is the largest there is and would shift the unbiased estimate. So a draw
    is the sum over different pictures that `squared_mmd` is, weighted by how often each was drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    counts = _counts(len(after), draws, generator), _counts(len(wanted), draws, generator)
    within_wanted = _within(kernel(wanted, wanted), counts[1])
    values, nothing = (
        _within(kernel(rows, rows), counts[0])
        + within_wanted
        - 2 * _between(kernel(rows, wanted), *counts)
        for rows in (after, before)
    )
    return Intervals(*map(_percentiles, (values, nothing, nothing - values)))


def bootstrap_mean(values: Sequence[float], draws: int = 2000, seed: int = 0) -> Interval | None:
    """Return the percentile interval of the mean of `values`; None for fewer than `LEAST`."""
    if len(values) < LEAST:
        return None
    counts = _counts(len(values), draws, torch.Generator().manual_seed(seed))
    return _percentiles(counts @ counts.new_tensor(values) / len(values))


def jackknife(
    distance: Distance, before: Tensor, after: Tensor, wanted: Tensor, groups: int = 50
) -> Intervals:
    """Return intervals of 1.96 standard errors by the delete-a-group jackknife.

    It never repeats a picture. It leaves out each of at most `groups` groups on one side, then on
    the other, and adds the two variances (Arvesen, "Jackknifing U-statistics", 1969; for groups,
    Shao and Tu, "The Jackknife and Bootstrap", 1995, section 2.3).
    """

    def figures(before: Tensor, after: Tensor, wanted: Tensor) -> Tensor:
        value, nothing = distance(after, wanted), distance(before, wanted)
        return torch.tensor([value, nothing, nothing - value], dtype=torch.float64)

    variances = _variances(lambda kept: figures(before[kept], after[kept], wanted), before, groups)
    variances += _variances(lambda kept: figures(before, after, wanted[kept]), wanted, groups)
    halves = _NORMAL_95 * variances.sqrt()
    middles = figures(before, after, wanted)
    ends = torch.stack([middles - halves, middles + halves], 1).tolist()
    return Intervals(*((low, high) for low, high in ends))


def _counts(rows: int, draws: int, generator: torch.Generator) -> Tensor:
    """How often each of `rows` comes in each of `draws` drawings of as many: draws x rows."""
    drawn = torch.randint(rows, (draws, rows), generator=generator)
    counts = torch.zeros(draws, rows, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones_like(counts))


def _within(kernels: Tensor, counts: Tensor) -> Tensor:
    """The mean kernel of two different rows in each draw; n x n and draws x n give draws."""
    squares = counts.square()
    pairs = counts.sum(1).square() - squares.sum(1)  # none if one row is all that was drawn
    return (_between_sums(kernels, counts, counts) - squares @ kernels.diagonal()) / pairs


def _between(kernels: Tensor, counts_a: Tensor, counts_b: Tensor) -> Tensor:
    """The mean kernel of a row of one side and one of the other in each draw."""
    return _between_sums(kernels, counts_a, counts_b) / (counts_a.sum(1) * counts_b.sum(1))


def _between_sums(kernels: Tensor, counts_a: Tensor, counts_b: Tensor) -> Tensor:
    pieces = zip(counts_a.split(_AT_ONCE), counts_b.split(_AT_ONCE), strict=True)
    return torch.cat([((a @ kernels) * b).sum(1) for a, b in pieces])


def _percentiles(values: Tensor) -> Interval:
    known = values[~values.isnan()]  # five pictures come down to one in 1 of 625 draws
    low, high = torch.quantile(known, known.new_tensor([0.025, 0.975])).tolist()
    return low, high


def _variances(figures: Callable[[Tensor], Tensor], rows: Tensor, groups: int) -> Tensor:
    """The delete-a-group jackknife variances of `figures`, which takes the rows that are kept."""
    count = min(groups, len(rows))
    # Strided groups, so that files that lie side by side (one scene, say) fall into different ones.
    member = torch.arange(len(rows)) % count
    values = torch.stack([figures(member != group) for group in range(count)])
    return (values - values.mean(0)).square().sum(0) * (count - 1) / count
