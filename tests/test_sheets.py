"""A table of pictures: where they stand, and what stands in place of one that is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut.errors import CutError
from cut.sheets import MOST_ROWS, PictureTable, check_name, save_sheet


def places(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels of that colour."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_a_row_is_a_picture_and_a_column_a_model() -> None:
    table = PictureTable(["input", "one"], cell=64)
    table.add("first.png", [Image.new("RGB", (128, 64), RED), Image.new("RGB", (128, 64), GREEN)])
    table.add("second.png", [Image.new("RGB", (40, 80), BLUE), "too large"])
    sheet = table.draw()
    red, green, blue = (places(sheet, colour) for colour in (RED, GREEN, BLUE))
    assert (red[2] - red[0], red[3] - red[1]) == (64, 32)
    assert (green[0] - red[0], green[1]) == (64 + 8, red[1])  # beside it, in one line
    assert (blue[2] - blue[0], blue[3] - blue[1]) == (32, 64)  # its shape is kept
    assert blue[0] == red[0]
    assert blue[1] >= red[3] + 8
    missing = np.asarray(sheet)[blue[1] : blue[3], green[0] : green[2]]
    assert (missing == 236).all(2).mean() > 0.5  # grey, and words on it
    assert (missing < 150).any()


def test_names_are_written_above_and_beside() -> None:
    blank, named = (PictureTable([title], cell=64) for title in ("", "horse2zebra"))
    for table, name in ((blank, ""), (named, "a horse.jpg")):
        table.add(name, [Image.new("RGB", (64, 64), RED)])
    left, top, _, _ = places(named.draw(), RED)
    sheet = np.asarray(named.draw())
    assert (sheet[:top] < 100).all(2).any()
    assert (sheet[top:, :left] < 100).all(2).any()
    assert not (np.asarray(blank.draw()) < 100).all(2).any()


def test_a_sheet_has_an_end() -> None:
    table = PictureTable(["input"], cell=2)
    for _ in range(MOST_ROWS + 10):
        table.add("", [Image.new("RGB", (2, 1), RED)])
    assert table.draw().height < MOST_ROWS * (1 + 8) + 50


def test_sheets_are_jpeg_or_png(tmp_path: Path) -> None:
    save_sheet(Image.new("RGB", (4, 4)), tmp_path / "new" / "sheet.JPG")
    assert Image.open(tmp_path / "new" / "sheet.JPG").format == "JPEG"
    with pytest.raises(CutError, match=r"NAME\.jpg"):
        check_name(Path("sheet.gif"))
