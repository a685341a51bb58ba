"""Black spots: what a generator with instance norms paints into shadows by mistake."""

import torch.nn.functional as F
from torch import Tensor

BLACK = -0.76
"""A place is black below this brightest of its colours, in [-1, 1]: 12 % of white."""

DARK = -0.88
"""A place below this may turn black, since it nearly was."""

MARGIN = 6
"""Px around a spot that are as wrong as it is."""


def black_spots(pictures: Tensor, translations: Tensor, radius: int) -> Tensor:
    """Where translations have black, as far as `radius` px around, that the pictures had not.

    Args:
        pictures, translations: B x 3 x H x W in [-1, 1].
        radius: of the least square of black that is a spot, in px: its side is 2 radius + 1.

    Returns:
        B x 1 x H x W, float: 1 in the spots and a margin around them, 0 elsewhere.
    """
    was_dark = pictures.amax(1, keepdim=True) <= DARK
    left = ((translations.amax(1, keepdim=True) >= BLACK) | was_dark).float()
    centres = 1 - F.max_pool2d(left, 2 * radius + 1, 1, radius)
    return F.max_pool2d(centres, 2 * (radius + MARGIN) + 1, 1, radius + MARGIN)
