"""Black spots: what counts as one."""

import torch

from cut.methods.spots import MARGIN, black_spots


def test_where_spots_are() -> None:
    pictures, translations = torch.zeros(4, 3, 48, 64), torch.zeros(4, 3, 48, 64)
    translations[0, :, 20:25, 30:35] = -1  # a square of 5 px
    translations[1, :, 20:24, 10:50] = -1  # a stripe of 4
    translations[2, :2, 20:30, 30:40] = -1  # dark blue
    translations[3, :, 10:30, 20:50] = -0.9
    pictures[3, :, :, :35] = -0.95  # which was as dark on the left
    spots = black_spots(pictures, translations, 2)
    assert spots.shape == (4, 1, 48, 64)
    right = torch.zeros(4, 48, 64)
    right[0, 20 - MARGIN : 25 + MARGIN, 30 - MARGIN : 35 + MARGIN] = 1
    right[3, 10 - MARGIN : 30 + MARGIN, 35 - MARGIN : 50 + MARGIN] = 1
    assert torch.equal(spots[:, 0], right)
    assert not black_spots(pictures, translations, 10).any()


def test_at_the_edge() -> None:
    """What is beyond it speaks neither for a spot nor against it."""
    translations = torch.zeros(1, 3, 48, 64)
    translations[:, :, :3, :3] = -1
    assert black_spots(torch.zeros(1, 3, 48, 64), translations, 2).any()
    translations[:, :, :3, 2] = 0
    assert not black_spots(torch.zeros(1, 3, 48, 64), translations, 2).any()
