"""Contact sheets: many pictures on one page, each scaled to a cell, with names where they help."""

import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from cut.errors import CutError
from cut.files import whole_file

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}

MOST_ROWS = 200
"""Past that a table is too long to look at, and a JPEG cannot hold it."""

_GAP = 8
_TEXT, _LINE, _LETTER = 14, 18, 8.0
"""Points of the type, px from line to line, and px that a letter takes on average, rounded up."""

_MOST_LINES = 4

_INK, _QUIET, _EMPTY = "#1a1a1a", "#5c5c5c", "#ececec"


def check_name(path: Path) -> Path:
    """Return `path` if its ending is a sheet's; raises CutError if not .jpg, .jpeg or .png."""
    if path.suffix.lower() not in FORMATS:
        raise CutError(f"a contact sheet is a JPEG or PNG file: call {path.name} NAME.jpg")
    return path


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write `sheet`, whole or not at all; raises CutError if it cannot be written."""
    with whole_file(path) as temporary:
        sheet.save(temporary, FORMATS[check_name(path).suffix.lower()], quality=92)


class PictureTable:
    """A row for each picture, a column for each model: small copies, drawn when all are there.

    Args:
        columns: what stands above each column.
        cell: px, the longest side of a picture in the table.
    """

    def __init__(self, columns: Sequence[str], cell: int = 256) -> None:
        self.columns, self.cell = list(columns), cell
        self._rows: list[tuple[str, list[Image.Image | str]]] = []

    def add(self, name: str, cells: Sequence[Image.Image | str]) -> None:
        """Take up a row; a text in place of a picture says why there is none.

        Rows after the first 200 are left out.
        """
        if len(self._rows) < MOST_ROWS:
            self._rows.append((name, [self.small(one) for one in cells]))

    def small(self, cell: Image.Image | str) -> Image.Image | str:
        """A copy of a picture that fits a cell; a text as it is."""
        if isinstance(cell, str):
            return cell
        factor = self.cell / max(cell.size)
        size = (max(1, round(cell.width * factor)), max(1, round(cell.height * factor)))
        return cell.convert("RGB").resize(size, Image.Resampling.LANCZOS)

    def draw(self) -> Image.Image:
        """Return the table: names above and at the left, pictures of a row in one line."""
        letters = int(self.cell / _LETTER)
        heads = [_lines(title, letters) for title in self.columns]
        names = [_lines(name, letters) for name, _ in self._rows]
        left = _GAP + int(max((_width(lines) for lines in names), default=0)) + _GAP
        top = _GAP + max(map(len, heads)) * _LINE + _GAP
        heights = [self._height(cells) for _, cells in self._rows]
        size = (
            left + len(self.columns) * (self.cell + _GAP),
            top + sum(heights) + len(heights) * _GAP,
        )
        sheet = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(sheet)
        lefts = [left + column * (self.cell + _GAP) for column in range(len(self.columns))]
        for x, lines in zip(lefts, heads, strict=True):
            _write(pen, x, top - _GAP - len(lines) * _LINE, lines, _INK)
        for (_, cells), lines, height in zip(self._rows, names, heights, strict=True):
            _write(pen, _GAP, top, lines, _INK)
            for x, cell in zip(lefts, cells, strict=True):
                if isinstance(cell, Image.Image):
                    sheet.paste(cell, (x, top))
                else:
                    pen.rectangle((x, top, x + self.cell - 1, top + height - 1), fill=_EMPTY)
                    _write(pen, x + _GAP, top + _GAP, _lines(cell, letters - 2), _QUIET)
            top += height + _GAP
        return sheet

    def _height(self, cells: Sequence[Image.Image | str]) -> int:
        """Of a row, px: of its highest picture, and never too low for what texts have to say."""
        text = 2 * _GAP + _MOST_LINES * _LINE if any(isinstance(one, str) for one in cells) else 0
        return max(text, *(one.height for one in cells if isinstance(one, Image.Image)), 0)


def _lines(text: str, letters: int) -> list[str]:
    """`text` in lines of at most `letters`; at most four of them, the last one cut short."""
    return textwrap.wrap(text, max(8, letters), max_lines=_MOST_LINES, placeholder=" …")


def _width(lines: Sequence[str]) -> float:
    return max((_font().getlength(line) for line in lines), default=0.0)


def _write(pen: ImageDraw.ImageDraw, x: int, y: int, lines: Sequence[str], ink: str) -> None:
    for number, line in enumerate(lines):
        pen.text((x, y + number * _LINE), line, fill=ink, font=_font())


@cache
def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font knows little beyond English."""
    import matplotlib

    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), _TEXT
    )
