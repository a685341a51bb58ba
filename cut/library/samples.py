"""Samples of a model: a picture and its translation beside each other, in its folder."""

from PIL import Image

from cut.checkpoints import Checkpoint
from cut.files import whole_file
from cut.library.store import SAMPLES

SAMPLE_SIZE = 256
"""px, the short side that samples are translated and kept at."""


def keep_sample(checkpoint: Checkpoint, stem: str, before: Image.Image, after: Image.Image) -> None:
    """Write `samples/STEM.jpg`, in place of one that was there.

    Raises:
        CutError: it cannot be written.
    """
    with whole_file(checkpoint.folder / SAMPLES / f"{stem}.jpg") as temporary:
        side_by_side(before, after).save(temporary, "JPEG", quality=88, optimize=True)


def side_by_side(left: Image.Image, right: Image.Image, gap: int = 8) -> Image.Image:
    """Two pictures of one size beside each other, on white."""
    joined = Image.new("RGB", (2 * left.width + gap, left.height), "white")
    joined.paste(left, (0, 0))
    joined.paste(right, (left.width + gap, 0))
    return joined
