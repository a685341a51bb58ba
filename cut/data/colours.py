"""One picture in the colours of another, by a linear map of RGB."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Recolouring:
    """The linear map that gives one picture's colours another's mean and covariance.

    Of all such maps it is the one that moves colours least: the Monge-Kantorovich solution for
    Gaussians (Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for
    example-based colour transfer", CVMP 2007).

    Args:
        matrix: 3 x 3.
        offset: 3, added afterwards, for values in [-1, 1].
    """

    matrix: Tensor
    offset: Tensor

    @classmethod
    def between(cls, source: Tensor, target: Tensor) -> "Recolouring":
        """The map from the colours of `source` to those of `target`, 3 x H x W bytes each."""
        a, b = (picture.flatten(1).cpu().double() / 127.5 - 1 for picture in (source, target))
        # A picture without any spread in some direction is widened in none.
        spread_a, spread_b = (torch.cov(c) + 1e-6 * torch.eye(3) for c in (a, b))
        root, inverse = _power(spread_a, 0.5), _power(spread_a, -0.5)
        matrix = inverse @ _power(root @ spread_b @ root, 0.5) @ inverse
        offset = b.mean(1) - matrix @ a.mean(1)
        return cls(matrix.float().to(source.device), offset.float().to(source.device))

    def __call__(self, pictures: Tensor) -> Tensor:
        """B x 3 x H x W in [-1, 1], recoloured and clamped to that range."""
        moved = torch.einsum("ij,bjhw->bihw", self.matrix, pictures)
        return (moved + self.offset[:, None, None]).clamp(-1, 1)


def _power(symmetric: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    return (vectors * values.clamp(min=1e-12) ** exponent) @ vectors.T
