"""The pictures of a model's card, small enough to send many of them."""

from functools import lru_cache
from pathlib import Path

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.library.store import sample_files
from cut.pictures import fit_within, read_picture
from cut.web.model_card import first_sample
from cut.web.results import jpeg_bytes

SIDE = 1100
"""px, the longer side of a sample: two pictures beside each other."""


def samples(checkpoint: Checkpoint) -> list[Path]:
    """The samples of a model, first the one that stands for it: the first that its card shows."""
    chosen = first_sample(checkpoint.card)
    return sorted(sample_files(checkpoint.folder), key=lambda path: path.name != chosen)


def shows(sample: Path) -> str:
    """What a sample shows, as its file's name says it."""
    words = sample.stem.replace("_", " ")
    return words[:1].upper() + words[1:]


def sample(path: Path) -> bytes | None:
    """A sample as a JPEG file, or None if it cannot be read."""
    try:
        status = path.stat()
        return _small(path, status.st_mtime_ns, status.st_size)
    except (CutError, OSError):
        return None


@lru_cache(maxsize=256)
def _small(path: Path, changed: int, length: int) -> bytes:
    """`changed` and `length` tell the file from a later one in its place."""
    return jpeg_bytes(fit_within(read_picture(path), SIDE))
