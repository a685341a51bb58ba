"""How far a generator's output is from its target in texture, wherever in a picture that lies.

Pictures are taken for the patches that they consist of, and the distance is the sliced Wasserstein
distance between both sets of patches (as in Elnekave and Weiss, "Generating natural images with
direct patch distribution matching", ECCV 2022): patches are projected onto directions, and along
each the share of the output's patches below a number is to be that of the target's.

Two things differ from that paper. A step shows a few crops, not the whole output, so that the
output's shares are kept as a running mean; with those of one step the crops of a sea are drawn
towards the colours of a cliff. And directions mix a few neighbouring principal components of the
target's patches, each scaled to variance 1: among random directions every one is ruled by
brightness, and coloured noise costs next to nothing.
"""

import random
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = ((1, 3), (1, 7), (2, 3), (2, 7))
"""How much smaller the crops are made, and the side of patches in px."""

DIRECTIONS = 64
"""For each of them."""

MIXED = 16
"""Principal components in one direction, at most."""

GOLDEN = 0.6180339887
"""Its multiples, without what is before the point, fill the numbers from 0 to 1 evenly."""

FLOOR = 3e-4
"""Added to the variance of a component: below it lies what JPEG and rounding leave (1.1/255)."""

LEVELS = 256
"""Steps of the target's shares, from its smallest number to its largest."""

NUMBERS = 250_000
"""Along a direction, from which these are found, at most."""

FIRST_WINDOW, OPENING = 8, 5
"""Steps that make up most of the output's shares at first, and steps in which one is added."""


@dataclass
class _Slices:
    """Patches of one side at one scale, along their directions.

    Args:
        filters: the directions, D x 3 x S x S.
        quantiles: of the target's numbers, D x (LEVELS + 1), ascending.
        shares: of the output's numbers, between two quantiles each, below the first and above
            the last: D x (LEVELS + 2), a running mean; zeros at first.
    """

    filters: Tensor
    quantiles: Tensor
    shares: Tensor

    @classmethod
    def of(cls, seen: list[Tensor], side: int, stride: int, key: int) -> "_Slices":
        """From what was seen of the target, a batch of crops each."""
        filters = _directions(seen, side, key)
        places = sum(len(c) * (c.shape[2] // stride) * (c.shape[3] // stride) for c in seen)
        kept = -(-places // NUMBERS)
        # A few crops at a time, and every so many of their numbers, whatever their size.
        lengths = [_project(crops, filters, stride)[:, ::kept] for crops in seen]
        numbers = torch.cat(lengths, dim=1).sort(dim=1).values
        at = torch.linspace(0, numbers.shape[1] - 1, LEVELS + 1).round().long()
        quantiles = numbers[:, at.to(numbers.device)]
        return cls(filters, quantiles, quantiles.new_zeros(len(filters), LEVELS + 2))

    def distance(self, numbers: Tensor, memory: float) -> Tensor:
        """The mean way of the output's numbers, D x N, to where the target has its like; 0-d."""
        with torch.no_grad():
            wanted = self._wanted(numbers.detach(), memory)
        return F.l1_loss(numbers, wanted)

    def _wanted(self, numbers: Tensor, memory: float) -> Tensor:
        """Where each number goes if shares are kept; the shares are brought up to date."""
        above = torch.searchsorted(self.quantiles, numbers)
        counts = torch.zeros_like(self.shares).scatter_add_(1, above, torch.ones_like(numbers))
        fresh = counts / numbers.shape[1]
        self.shares = torch.where(
            self.shares.any(), memory * self.shares + (1 - memory) * fresh, fresh
        )
        # The share of the output below each quantile, and which of the target's has that share.
        below = self.shares.cumsum(1)[:, :-1].clamp(0, 1) * LEVELS
        lower = below.long().clamp(max=LEVELS - 1)
        moved = _between(self.quantiles, lower, lower + 1, below - lower)
        lower, upper = (above - 1).clamp(min=0), above.clamp(max=LEVELS)
        start, end = self.quantiles.gather(1, lower), self.quantiles.gather(1, upper)
        way = ((numbers - start) / (end - start).clamp(min=1e-9)).clamp(0, 1)
        return _between(moved, lower, upper, way)


class TextureDistance:
    """The distance of a generator's output from the patches of what it is to look like.

    Args:
        seed: draws the directions.
        batches: of the target's crops, from which its patches are learnt.
        window: steps whose output makes up most of the shares. They should cover much of what
            there is to translate; but what the generator made long ago misleads, and if it
            learns faster than that is forgotten the two swing around each other. So the window
            opens slowly, while the generator slows down.
    """

    def __init__(self, seed: int, batches: int = 16, window: int = 33):
        self.seed, self.batches, self.window = seed, batches, window
        self._calls = 0
        self._seen: list[Tensor] = []
        self._slices: list[_Slices] = []

    @property
    def ready(self) -> bool:
        """Whether enough of the target was seen."""
        return bool(self._slices)

    def see(self, crops: Tensor) -> None:
        """Learn the target's patches from crops, B x 3 x S x S, as long as more are wanted."""
        if self.ready:
            return
        self._seen.append(crops.detach().float())
        if len(self._seen) == self.batches:
            for number, (halving, side) in enumerate(SCALES):
                seen = [_smaller(crops, halving) for crops in self._seen]
                self._slices.append(_Slices.of(seen, side, 2 // halving, self.seed + number))
            self._seen.clear()

    def __call__(self, crops: Tensor, step: int) -> Tensor:
        """The distance of one step's crops, B x 3 x S x S in float32; 0-d.

        At full size, where neighbours overlap most, every second patch across and down is looked
        at, with another first one in each step.
        """
        memory = 1 - 1 / min(self.window, FIRST_WINDOW + self._calls / OPENING)
        self._calls += 1
        total = crops.new_zeros(())
        for (halving, _), slices in zip(SCALES, self._slices, strict=True):
            stride = 2 // halving
            row, column = step % stride, step // stride % stride
            smaller = _smaller(crops, halving)[:, :, row:, column:]
            numbers = _project(smaller, slices.filters, stride)
            total = total + slices.distance(numbers, memory)
        return total

    def state_dict(self) -> dict[str, Any]:
        slices = [{f.name: getattr(s, f.name) for f in fields(s)} for s in self._slices]
        return {"seen": list(self._seen), "slices": slices, "calls": self._calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen, self._calls = list(state["seen"]), state["calls"]
        self._slices = [_Slices(**slices) for slices in state["slices"]]


def _smaller(crops: Tensor, halving: int) -> Tensor:
    return F.avg_pool2d(crops, halving) if halving > 1 else crops


def _project(crops: Tensor, filters: Tensor, stride: int) -> Tensor:
    """The numbers of all patches along each direction, D x N."""
    return F.conv2d(crops, filters, stride=stride).transpose(0, 1).flatten(1).contiguous()


def _directions(seen: list[Tensor], side: int, key: int) -> Tensor:
    """Mixtures of principal components of patches, D x 3 x S x S."""
    patches = torch.cat([F.unfold(crops, side, stride=side) for crops in seen])
    patches = patches.transpose(1, 2).flatten(0, 1)
    centred = patches - patches.mean(0)
    # Some devices have no eigenvectors, and no float64.
    covariance = (centred.T @ centred / len(centred)).cpu().double()
    variances, components = torch.linalg.eigh(covariance)
    scaled = components / (variances.clamp(min=0) + FLOOR).sqrt()
    draw = random.Random(key)
    mixtures = torch.zeros(DIRECTIONS, len(scaled), dtype=scaled.dtype)
    for number, row in enumerate(mixtures):
        # As many narrow mixtures as broad ones, whatever broad means; spread over the components
        # by turns, since luck made runs differ by a third.
        count = min(len(scaled), int(MIXED ** (number * GOLDEN % 1)))
        first = int((number + draw.random()) / DIRECTIONS * (len(scaled) - count + 1))
        weights = torch.tensor([draw.gauss(0, 1) for _ in range(count)], dtype=scaled.dtype)
        row[first : first + count] = weights / weights.norm()
    return (mixtures @ scaled.T).view(DIRECTIONS, 3, side, side).to(seen[0])


def _between(table: Tensor, lower: Tensor, upper: Tensor, way: Tensor) -> Tensor:
    """Numbers of a table, row by row, interpolated: D x N."""
    return torch.lerp(table.gather(1, lower), table.gather(1, upper), way)
