"""The short side at which a picture is translated: chosen by the visitor, or by what is sensible.

A generator is fully convolutional and takes any size, but its time and memory grow with the pixels,
and it knows the world at the scale of its training pictures: on a photo of twelve megapixels it
would look at hairs where it learnt to look at horses.
"""

from typing import Literal

Choice = int | Literal["auto", "native"]

CHOICES: tuple[Choice, ...] = ("auto", "native", 256, 384, 512, 768, 1024)

SENSIBLE_ON_CPU = 512
SENSIBLE_ON_GPU = 1024
"""Short sides, in pixels, up to which "auto" keeps a picture's own size: about a second's work."""

LEAST = 256
"""Short side, in pixels, below which "auto" never goes: the result would be too soft to look at."""


def resolve(
    choice: Choice, width: int, height: int, device_type: str, trained: int | None = None
) -> int | None:
    """Return the short side to work at for a picture of `width` x `height`, None for its own.

    `trained`, if it is known, is the size of the model's training pictures, in pixels.
    """
    if choice == "native":
        return None
    if choice != "auto":
        return choice
    sensible = SENSIBLE_ON_CPU if device_type == "cpu" else SENSIBLE_ON_GPU
    if trained:
        sensible = min(sensible, max(LEAST, trained))
    return sensible if min(width, height) > sensible else None


def label(choice: Choice) -> str:
    """Return `choice` in words."""
    if isinstance(choice, int):
        return f"{choice} px"
    return {"auto": "Automatic", "native": "The picture's own size"}[choice]


def describe(size: int | None, width: int, height: int) -> str:
    """Return in words at which size a picture of `width` x `height` was translated."""
    own = f"{width} × {height}"
    if size is None or size == min(width, height):
        return f"Translated at its own size, {own}"
    return f"Translated at {size} px (short side), scaled back to {own}"
