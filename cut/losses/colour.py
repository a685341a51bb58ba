"""Colours apart from textures."""

import torch
import torch.nn.functional as F
from torch import Tensor

SQUARE = 16
"""px, of the squares over which colours are averaged: texture below that is left alone."""


def colour_distance(a: Tensor, b: Tensor) -> Tensor:
    """The L1 distance of colours averaged over squares of 16 px (or the picture, if smaller); 0-d.

    After the colour loss of Ignatov et al. 2017 ("DSLR-quality photos on mobile devices", section
    3.2.1), with squares in place of a Gaussian.

    Args:
        a, b: B x 3 x H x W.
    """
    a, b = (F.avg_pool2d(x, min(SQUARE, *x.shape[2:]), ceil_mode=True) for x in (a, b))
    return F.l1_loss(a, b)


def finer(x: Tensor, where: Tensor) -> Tensor:
    """What of x is finer than some 16 px: x less its mean over the square around each place.

    Args:
        x: B x C x H x W.
        where: B x 1 x H x W in [0, 1]: the places whose texture is asked for. Means are taken over
            them alone, so that what lies beside them does not count.

    Returns:
        B x C x H x W, 0 outside of `where`.
    """
    total, weight = _box(x * where), _box(where)
    return (x - total / weight.clamp_min(torch.finfo(x.dtype).tiny)) * where


def _box(x: Tensor) -> Tensor:
    """The mean over the square of `SQUARE` + 1 px around each place, zeros beyond the edges."""
    half = SQUARE // 2
    rows = F.avg_pool2d(x, (2 * half + 1, 1), stride=1, padding=(half, 0))
    return F.avg_pool2d(rows, (1, 2 * half + 1), stride=1, padding=(0, half))
