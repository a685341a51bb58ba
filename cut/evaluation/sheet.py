"""A contact sheet: every picture over its translation, many pairs on one page."""

from math import ceil, sqrt
from pathlib import Path

from PIL import Image, ImageOps

from cut.evaluation.scores import Pair
from cut.sheets import check_name, save_sheet

_CELL = 128
_GAP = 8
_MOST_PAIRS = 500
"""Past that a sheet is too large to look at, and to hold in memory without thought."""


class ContactSheet:
    """Pairs of pictures, gathered as small copies, drawn when all are there."""

    def __init__(self, path: Path) -> None:
        """Raises CutError if the name does not end in .jpg, .jpeg or .png."""
        self.path = check_name(path)
        self._pairs: list[tuple[Image.Image, Image.Image]] = []

    def add(self, pair: Pair) -> None:
        """Take up a pair; those after the first 500 are left out."""
        if len(self._pairs) < _MOST_PAIRS:
            self._pairs.append((_cell(pair.before), _cell(pair.after)))

    def draw(self) -> Image.Image:
        """Return the sheet: input above output, a gap, the next pair."""
        columns = max(1, ceil(sqrt(2 * len(self._pairs))))  # a pair is twice as high as wide
        rows = ceil(len(self._pairs) / columns)
        wide, high = _CELL + _GAP, 2 * _CELL + _GAP
        sheet = Image.new("RGB", (columns * wide + _GAP, rows * high + _GAP), "white")
        for number, (before, after) in enumerate(self._pairs):
            left, top = _GAP + number % columns * wide, _GAP + number // columns * high
            sheet.paste(before, (left, top))
            sheet.paste(after, (left, top + _CELL))
        return sheet

    def save(self) -> None:
        """Write the sheet, whole or not at all; raises CutError if it cannot be written."""
        save_sheet(self.draw(), self.path)


def _cell(picture: Image.Image) -> Image.Image:
    return ImageOps.pad(picture, (_CELL, _CELL), Image.Resampling.BICUBIC, color="white")
