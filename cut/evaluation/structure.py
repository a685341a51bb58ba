"""How much of a picture's structure its translation kept."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cut.evaluation.batches import at_short_side

_SIDE = 256
_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], dtype=torch.float64)


def structure_kept(before: Image.Image, after: Image.Image) -> float:
    """Return the correlation of edges in two pictures of one size: 1 all kept, 0 nothing.

    Pearson's, over both Sobel components of the luminance at a short side of 256 px. Zero if
    either picture has no edge at all.
    """
    edges = torch.stack([_edges(before), _edges(after)])
    centred = edges - edges.mean(1, keepdim=True)
    norms = centred.norm(dim=1).prod()
    return float(centred.prod(0).sum() / norms) if norms > 0 else 0.0


def _edges(picture: Image.Image) -> Tensor:
    """Return the horizontal and vertical Sobel components of all inner places, in one row."""
    grey = np.array(at_short_side(picture.convert("L"), _SIDE))
    image = torch.from_numpy(grey).double()[None, None]
    return F.conv2d(image, torch.stack([_SOBEL, _SOBEL.T])[:, None]).flatten()
