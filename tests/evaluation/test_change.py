"""Change inside and outside of masks, against what was painted there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut.errors import CutError
from cut.evaluation.change import ChangeByMask, difference_of, texture_difference_of
from cut.evaluation.scores import Pair
from tests.evaluation.stand_ins import ColourNetwork, fill, picture
from tests.evaluation.test_evaluate import call, inverting_model

__all__ = ["inverting_model"]


def mask(path: Path, box: tuple[int, int, int, int], size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(exist_ok=True)
    made = Image.new("L", size)
    made.paste(255, box)
    made.save(path)


def painted(file: Path, inside: int, outside: int) -> Pair:
    """A grey picture that gets lighter by `inside` in its left half, by `outside` elsewhere."""
    before = Image.new("RGB", (32, 32), (100, 100, 100))
    after = Image.new("RGB", (32, 32), (100 + outside,) * 3)
    after.paste((100 + inside,) * 3, (0, 0, 16, 32))
    return Pair(file, before, after, structure_kept=0.0)


def test_change_is_told_apart_by_the_mask(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", range(7))
    for number in range(6):
        # Masks are as large as the pictures' files, which may be larger than they are scored.
        mask(tmp_path / "m" / f"{number:03}.png", (0, 0, 32, 64), (64, 64))
    change = ChangeByMask(tmp_path / "m", source)
    for number in range(7):
        change.add(painted(source / f"{number:03}.jpg", 30 + number, number))
    found = change.measured()
    assert found.images == 6
    assert found.inside == pytest.approx(32.5)
    assert found.outside == pytest.approx(2.5)
    assert found.outside_interval is not None
    low, high = found.outside_interval
    # Six means of six numbers, whose standard error is 0.7.
    assert 0.9 < low < 1.6
    assert 3.4 < high < 4.1


def test_difference_is_the_mean_of_the_channels() -> None:
    one, other = picture(1), picture(2)
    naive = [
        sum(abs(a - b) for a, b in zip(one.getpixel((x, 5)), other.getpixel((x, 5)), strict=True))
        for x in range(32)
    ]
    assert difference_of(one, other)[5] == pytest.approx(np.array(naive) / 3)


def test_texture_is_what_is_fine() -> None:
    """Stripes of one column each on the left, another shade on the right."""
    before = np.full((64, 64, 3), 100, np.uint8)
    after = before + 20
    after[:, :32:2] += 60
    left = np.zeros((64, 64), bool)
    left[:, :32] = True
    pair = Image.fromarray(before), Image.fromarray(after)
    # Around each place 17 columns, 8 of the other kind.
    assert texture_difference_of(*pair, left)[:, 8:24] == pytest.approx(60 * 8 / 17)
    assert texture_difference_of(*pair, ~left).max() < 1e-9


def test_texture_is_told_apart_by_the_mask(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", [0])
    mask(tmp_path / "m" / "000.png", (0, 0, 16, 32))
    change = ChangeByMask(tmp_path / "m", source)
    # Another shade inside, up to the edge, is no texture on either side.
    flat = painted(source / "000.jpg", 40, 0)
    change.add(flat)
    found = change.measured()
    assert found.texture_inside == pytest.approx(0, abs=1e-9)
    assert found.texture_outside == pytest.approx(0, abs=1e-9)
    flat.after.paste((100, 100, 100), (0, 0, 8, 32))
    change.add(flat)
    found = change.measured()
    assert found.texture_inside > 5
    assert found.texture_outside == pytest.approx(0, abs=1e-9)


def test_masks_that_show_nothing(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", range(2))
    with pytest.raises(CutError, match=r"no masks in .*nowhere"):
        ChangeByMask(tmp_path / "nowhere", source)
    mask(tmp_path / "m" / "000.png", (0, 0, 0, 0))
    mask(tmp_path / "m" / "001.png", (0, 0, 32, 32))
    change = ChangeByMask(tmp_path / "m", source)
    for number in range(2):
        change.add(painted(source / f"{number:03}.png", 9, 9))
    assert change.measured() is None


def test_a_damaged_mask_is_named_and_takes_no_picture_from_the_score(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    colours: ColourNetwork,
    inverting_model: None,
) -> None:
    source = fill(tmp_path / "a", range(5))
    for number in (2, 3):
        mask(tmp_path / "m" / f"{number:03}.png", (8, 8, 24, 24))
    damaged = tmp_path / "m" / "003.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    options = ("--source", source, "--target", source, "--size", "32", "--json")
    assert call("--checkpoint", "inverter", *options, "--masks", tmp_path / "m") == 0
    out, err = capsys.readouterr()
    score = json.loads(out.splitlines()[-1])
    assert (score["images"], score["skipped"], score["change"]["images"]) == (5, 0, 1)
    (line,) = (line for line in err.splitlines() if str(damaged) in line)
    assert line.startswith("change of 003.png not measured, its mask is left out: ")


def test_command_measures_what_has_a_mask(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    colours: ColourNetwork,
    inverting_model: None,
) -> None:
    source = fill(tmp_path / "a", range(5))
    mask(tmp_path / "m" / "003.png", (8, 8, 24, 24))
    page = tmp_path / "page.html"
    options = ("--source", source, "--target", source, "--size", "32", "--json", "--report", page)
    assert call("--checkpoint", "inverter", *options, "--masks", tmp_path / "m") == 0
    out = capsys.readouterr().out
    change = json.loads(out.splitlines()[-1])["change"]
    difference = np.abs(255 - 2 * np.asarray(picture(3), np.float64)).mean(2)
    inside = np.zeros((32, 32), bool)
    inside[8:24, 8:24] = True
    assert change["inside"] == pytest.approx(difference[inside].mean())
    assert change["outside"] == pytest.approx(difference[~inside].mean())
    assert change["images"] == 1
    assert f"change outside the masks: {change['outside']:.2f}" in out
    told = (change[side] for side in ("outside", "inside", "texture_outside", "texture_inside"))
    assert "".join(f"<td>{level:.1f}</td>" for level in told) in page.read_text()
