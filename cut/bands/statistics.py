"""Mean and variance of every channel over a whole picture, gathered band by band.

Bands are joined as in Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
computing sample variances" (1979): sums of squares alone would lose digits.
"""

import torch
from torch import Tensor

STRIP_NUMBERS = 1 << 18
"""Numbers that are worked on at once in float32: a megabyte, which stays in a processor's cache."""


class Statistics:
    """Of the bands (1 x C x rows x W) that were added so far."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def add(self, band: Tensor) -> None:
        """Take in the places of one band, none of them twice."""
        places = band.permute(0, 2, 3, 1).flatten(0, 2)
        strip = max(1, STRIP_NUMBERS // places.shape[1])
        if band.device.type != "cpu":
            strip = len(places)
        # One buffer for all strips: new ones would each leave a hole between small results.
        buffer = places.new_empty((min(strip, len(places)), places.shape[1]), dtype=torch.float32)
        parts = [_moments(part, buffer[: len(part)]) for part in places.split(strip)]
        counts = [min(strip, len(places) - strip * i) for i in range(len(parts))]
        # One transfer from a GPU; double precision, which Apple's does not have.
        moments = torch.stack([torch.stack(part) for part in parts]).cpu().double()
        for count, (mean, squares) in zip(counts, moments, strict=True):
            self._join(count, mean, squares)

    def _join(self, count: int, mean: Tensor, squares: Tensor) -> None:
        total = self._count + count
        apart = mean - self._mean
        self._mean = self._mean + apart * (count / total)
        self._squares = self._squares + squares + apart**2 * (self._count * count / total)
        self._count = total

    def result(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and variance (of the places, not of a sample), C each, in float32."""
        assert isinstance(self._mean, Tensor) and isinstance(self._squares, Tensor)
        mean, variance = self._mean, self._squares / self._count
        return mean.float().to(device), variance.float().to(device)


def _moments(places: Tensor, buffer: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and sum of squared distances from it, over N x C; `buffer` is as large."""
    numbers = buffer.copy_(places)
    mean = numbers.mean(0)
    return mean, numbers.sub_(mean).square_().sum(0)
