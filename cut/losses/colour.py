"""Colours apart from textures."""

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
    square = min(SQUARE, *a.shape[2:])
    return F.l1_loss(F.avg_pool2d(a, square), F.avg_pool2d(b, square))


def finer(x: Tensor) -> Tensor:
    """x, B x C x H x W, less its mean over the square of some 16 px around each place."""
    return x - F.avg_pool2d(x, SQUARE + 1, stride=1, padding=SQUARE // 2, count_include_pad=False)
