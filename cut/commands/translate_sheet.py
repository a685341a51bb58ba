"""The contact sheet of `translate --sheet`: a row a picture, a column for it and for each model."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image

from cut.sheets import MOST_ROWS, PictureTable, check_name, save_sheet


class ModelSheet:
    """Filled one model after the other, since they are loaded one after the other.

    Args:
        path: of the sheet; CutError if its ending is not .jpg, .jpeg or .png.
        images: one row each; those after the first 200 are left out.
    """

    def __init__(self, path: Path, images: Sequence[Path]) -> None:
        self.path = check_name(path)
        self._table = PictureTable(["input"])
        self._images = list(images)[:MOST_ROWS]
        self._inputs: dict[Path, Image.Image | str] = {}
        self._cells: list[dict[Path, Image.Image | str]] = []
        self._seconds: list[list[float]] = []

    def model(self, name: str) -> None:
        """Begin the column of the model called `name`."""
        self._table.columns.append(name)
        self._cells.append({})
        self._seconds.append([])

    def no_model(self, name: str, reason: str) -> None:
        """Add the column of a model that could not be used, and say why in each of its cells."""
        self.model(name)
        self._cells[-1] = dict.fromkeys(self._images, reason)

    def add(self, source: Path, picture: Image.Image, result: Image.Image, seconds: float) -> None:
        """Take up a picture and its translation by the model that was begun last."""
        self._seconds[-1].append(seconds)
        if source in self._images:
            if not isinstance(self._inputs.get(source), Image.Image):
                self._inputs[source] = self._table.small(picture)
            self._cells[-1][source] = self._table.small(result)

    def skip(self, source: Path, reason: str) -> None:
        """Say in the cell of `source` why there is no translation of it."""
        self._inputs.setdefault(source, "")
        self._cells[-1][source] = reason

    def save(self) -> None:
        """Draw the sheet and write it, whole or not at all; raises CutError if it cannot be."""
        for source in self._images:
            cells = [column.get(source, "") for column in self._cells]
            self._table.add(source.name, [self._inputs.get(source, ""), *cells])
        for number, seconds in enumerate(self._seconds, start=1):
            if seconds:
                usual = median(seconds)  # the first takes longer
                self._table.columns[number] += f", {usual:.2f} s a picture"
        save_sheet(self._table.draw(), self.path)
