"""How much a translation changes inside and outside of the object, which masks show.

A horse is to become a zebra and its meadow to stay: what is outside should change by nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cut.errors import CutError
from cut.evaluation.features import list_pictures
from cut.evaluation.intervals import Interval, bootstrap_mean
from cut.evaluation.scores import Pair, Report
from cut.pictures import read_picture

_HALF = 128


@dataclass(frozen=True)
class Change:
    """Means over pictures of the mean absolute difference between input and output.

    In levels of 8 bits, over pixels and the three channels; 0 where nothing changed.
    """

    inside: float
    inside_interval: Interval | None
    outside: float
    outside_interval: Interval | None
    images: int
    """Pictures that have a mask, with an object and something around it."""


class ChangeByMask:
    """Is shown pairs, and measures those that have a mask.

    Args:
        masks: a folder of PNG files of the pictures' names, white where the object is
            (`tools/masks.py` draws such).
        source: the pictures to be translated.
        report: gets a line for each mask that cannot be read.

    Raises:
        CutError: none of the pictures has a mask.
    """

    def __init__(self, masks: Path, source: Path, report: Report = lambda line: None) -> None:
        self.masks = masks
        self._report = report
        self._inside: list[float] = []
        self._outside: list[float] = []
        if not any(self._mask(file).is_file() for file in list_pictures(source)):
            raise CutError(
                f"no masks in {masks} for the pictures in {source}: put a PNG of the same name "
                "there for each picture, white where the object is"
            )

    def add(self, pair: Pair) -> None:
        """Measure a pair, if it has a mask that can be read: the score does without."""
        file = self._mask(pair.file)
        if not file.is_file():
            return
        try:
            levels = read_picture(file).convert("L")
        except CutError as error:
            self._report(f"change of {pair.file.name} not measured, its mask is left out: {error}")
            return
        mask = levels.resize(pair.before.size, Image.Resampling.BILINEAR)
        inside = np.asarray(mask) >= _HALF
        if inside.any() and not inside.all():
            difference = difference_of(pair.before, pair.after)
            self._inside.append(float(difference[inside].mean()))
            self._outside.append(float(difference[~inside].mean()))

    def measured(self) -> Change | None:
        """Return the means; None if no mask showed an object with something around it."""
        if not self._inside:
            return None
        return Change(
            float(np.mean(self._inside)),
            bootstrap_mean(self._inside),
            float(np.mean(self._outside)),
            bootstrap_mean(self._outside),
            len(self._inside),
        )

    def _mask(self, picture: Path) -> Path:
        return self.masks / f"{picture.stem}.png"


def difference_of(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Return the absolute difference of two RGB pictures of one size, H x W, channels' mean."""
    a, b = (np.asarray(picture.convert("RGB"), np.float64) for picture in (one, other))
    return np.abs(a - b).mean(2)
