"""How much a translation changes inside and outside of the object, which masks show.

A horse is to become a zebra and its meadow to stay: what is outside should change by nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cut.errors import CutError
from cut.evaluation.features import list_pictures
from cut.evaluation.intervals import Interval, bootstrap_mean
from cut.evaluation.scores import Pair, Report
from cut.losses.colour import finer
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
    texture_inside: float
    """The same of what is finer than 16 px: stripes on a meadow count, another green does not."""
    texture_inside_interval: Interval | None
    texture_outside: float
    texture_outside_interval: Interval | None
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
        self._means: list[list[float]] = []  # inside, outside, and both of texture
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
            means = [float(difference[side].mean()) for side in (inside, ~inside)]
            for side in (inside, ~inside):
                texture = texture_difference_of(pair.before, pair.after, side)
                means.append(float(texture[side].mean()))
            self._means.append(means)

    def measured(self) -> Change | None:
        """Return the means; None if no mask showed an object with something around it."""
        if not self._means:
            return None
        inside, outside, fine_inside, fine_outside = (
            (float(np.mean(means)), bootstrap_mean(means))
            for means in zip(*self._means, strict=True)
        )
        return Change(*inside, *outside, *fine_inside, *fine_outside, images=len(self._means))

    def _mask(self, picture: Path) -> Path:
        return self.masks / f"{picture.stem}.png"


def difference_of(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Return the absolute difference of two RGB pictures of one size, H x W, channels' mean."""
    return np.abs(_signed(one, other)).mean(2)


def texture_difference_of(one: Image.Image, other: Image.Image, where: np.ndarray) -> np.ndarray:
    """Return the same of what is finer than 16 px, H x W, within a mask, H x W; 0 elsewhere."""
    change = torch.from_numpy(_signed(one, other)).permute(2, 0, 1)[None]
    within = torch.from_numpy(where).to(change.dtype)[None, None]
    return finer(change, within)[0].abs().mean(0).numpy()


def _signed(one: Image.Image, other: Image.Image) -> np.ndarray:
    a, b = (np.asarray(picture.convert("RGB"), np.float64) for picture in (one, other))
    return a - b
