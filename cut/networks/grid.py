"""Where the places of an encoder's layer lie in the picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A layer's channels and places: place i is centred at `offset + stride * i` px.

    Pixel k of the picture is centred at k, so an offset of one half lies between two pixels.
    """

    channels: int
    stride: int
    offset: float = 0
