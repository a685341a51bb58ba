"""What both feature networks share: scaling pictures, and taking a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from PIL import Image
from torch import Tensor


class FeatureNetwork(Protocol):
    """Pictures in, one row of features a picture out."""

    name: str

    def embed(self, pictures: Iterable[Image.Image]) -> Tensor:
        """Return n x d features of n RGB pictures, float64 on the CPU."""

    def __hash__(self) -> int: ...


def in_batches(pictures: Iterable[Image.Image], size: int) -> Iterator[list[Image.Image]]:
    """Yield `pictures` in lists of `size`, the last perhaps shorter (itertools has it in 3.12)."""
    rest = iter(pictures)
    while some := list(islice(rest, size)):
        yield some


def at_short_side(picture: Image.Image, size: int) -> Image.Image:
    """Return `picture` scaled by Pillow's bicubic filter to a short side of `size` pixels.

    Metrics have a filter of their own because their figures depend on it.
    """
    factor = size / min(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    if (width, height) == picture.size:
        return picture
    return picture.resize((width, height), Image.Resampling.BICUBIC)
