"""Picture files and their features, remembered, so that a second look at a folder is free."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor

from cut.errors import CutError
from cut.evaluation.batches import FeatureNetwork, at_short_side
from cut.pictures import FORMATS, SUFFIXES, read_picture

Skip = Callable[[CutError], None]
"""Told of a file that cannot be used; what it returns from, goes on with the next."""

_Key = tuple[Path, int, int]


def list_pictures(place: Path) -> list[Path]:
    """Return the picture files directly in folder `place`, by name, or `place` if it is a file.

    Raises CutError if there is no such place, or no picture in it.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise CutError(f"{place} does not exist: name a folder of pictures, or one picture")
    try:
        inside = sorted(place.iterdir())
    except OSError as error:
        raise CutError(f"{place} cannot be read: {error.strerror or error}") from error
    files = [file for file in inside if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not files:
        raise CutError(f"{place} holds no pictures (such as {', '.join(SUFFIXES[:4])})")
    return files


def read_stored(file: Path) -> Image.Image:
    """Return the picture in `file` as RGB with its numbers as stored, colour profile ignored.

    Published scores were all measured so; a photo library's profiles would shift them. Otherwise,
    and in the CutErrors it raises, it is cut.pictures.read_picture.
    """
    managed = read_picture(file)
    with Image.open(file, formats=FORMATS) as image:
        if image.mode != "RGB" or "icc_profile" not in image.info:
            return managed
        return ImageOps.exif_transpose(image)


@lru_cache(maxsize=4)
def features_of(network: FeatureNetwork) -> "Features":
    """The features that `network` has computed in this process, and will compute."""
    return Features(network)


class Features:
    """Features of picture files, kept in memory for as long as the files stay as they are."""

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network
        self._rows: dict[_Key, Tensor] = {}

    def of_files(self, files: Iterable[Path], size: int, skip: Skip) -> Tensor:
        """Return n x d features of those of `files` that are good, at a short side of `size` px.

        `skip` gets the error of each of the others.
        """
        good: list[_Key] = []
        new: list[_Key] = []

        def unknown_pictures() -> Iterator[Image.Image]:
            for file in files:
                key = _key(file, size)
                if key not in self._rows:
                    try:
                        picture = at_short_side(read_stored(file), size)
                    except CutError as error:
                        skip(error)
                        continue
                    new.append(key)
                    yield picture
                good.append(key)

        rows = self.network.embed(unknown_pictures())
        self._rows.update(zip(new, rows, strict=True))
        return torch.stack([self._rows[key] for key in good]) if good else rows


def _key(file: Path, size: int) -> _Key:
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        changed = 0  # it is gone, or may not be read: reading it will say so
    return file.absolute(), changed, size
