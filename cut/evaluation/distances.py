"""Distances between two sets of feature vectors.

KID is the squared maximum mean discrepancy of Binkowski et al., "Demystifying MMD GANs" (ICLR
2018); FID the Frechet distance of Heusel et al., "GANs trained by a two time-scale update rule"
(NeurIPS 2017). Both take rows of features, n x d and m x d, and know nothing of pictures.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], float]


def squared_mmd(a: Tensor, b: Tensor) -> float:
    """Return the unbiased squared MMD of `a` (n x d) and `b` (m x d), with n and m at least 2.

    The kernel is KID's, k(x, y) = (x . y / d + 1)^3. A picture is never compared with itself, so
    the mean over many draws is exact at any n and m, and a value below zero is possible.
    """
    n, m = len(a), len(b)
    within_a, within_b = kernel(a, a), kernel(b, b)
    mean_a = (within_a.sum() - within_a.trace()) / (n * (n - 1))
    mean_b = (within_b.sum() - within_b.trace()) / (m * (m - 1))
    return float(mean_a + mean_b - 2 * kernel(a, b).mean())


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return KID's kernel (x . y / d + 1)^3 of each row of `x` and each of `y`, n x m."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Return the Frechet distance between normal fits of `a` (n x d) and `b` (m x d); n, m >= 2.

    |mean_a - mean_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2)), the covariances with n - 1 and
    m - 1. With centred rows A and B scaled so that C_a = A'A and C_b = B'B, the last trace is the
    sum of the singular values of A B', for which no d x d root is needed: with fewer pictures than
    features that is both faster and more exact than the textbook's way.
    """
    gap = (a.mean(0) - b.mean(0)).square().sum()
    root_a, root_b = _covariance_root(a), _covariance_root(b)
    overlap = torch.linalg.svdvals(root_a @ root_b.T).sum()
    return float(gap + root_a.square().sum() + root_b.square().sum() - 2 * overlap)


def _covariance_root(rows: Tensor) -> Tensor:
    """Return R, min(n, d) x d, whose R'R is the covariance of `rows` (n x d)."""
    centred = (rows - rows.mean(0)) / (len(rows) - 1) ** 0.5
    # Many rows (a picture's places) shrink to d of them: Q'Q = 1 drops out of R'R.
    return torch.linalg.qr(centred, mode="r").R if len(rows) > rows.shape[1] else centred
