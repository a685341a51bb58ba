"""The command `translate` with one model and with several: files, contact sheet, refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

import cut
from cut.cli import main
from tests.helpers import make_checkpoint, make_picture


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures in `in` and, in CUT_HOME, the models `one`, `two`, `broken`."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    for name, ngf in (("one", 4), ("two", 8), ("broken", 4)):
        make_checkpoint(tmp_path / "checkpoints" / name, ngf=ngf, blocks=6)
    (tmp_path / "checkpoints" / "broken" / "generator.safetensors").write_bytes(b"short")
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        make_picture(48, 32, seed=seed).save(tmp_path / "in" / name)
    return tmp_path


def call(*arguments: str | Path) -> int:
    return main(["translate", *map(str, arguments), "--device", "cpu", "--precision", "fp32"])


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return values


def test_one_model_writes_right_into_the_folder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = home / "out"
    assert call("--checkpoint", "one", "--output", out, home / "in", "--json") == 0
    found = report(capsys)
    assert found["checkpoint"] == "one"
    assert [Path(row["output"]) for row in found["written"]] == [out / "a.png", out / "b.png"]
    assert "sheet" not in found
    expected = cut.load("one", "cpu", "fp32")(make_picture(48, 32, seed=0))
    assert ImageChops.difference(Image.open(out / "a.png"), expected).getbbox() is None


def test_several_models_have_a_folder_each_and_share_a_sheet(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "in" / "c.jpg").write_bytes(b"no picture")
    out, sheet = home / "out", home / "sheet.png"
    models = [part for name in ("one", "broken", "two") for part in ("--checkpoint", name)]
    assert call(*models, "--output", out, "--sheet", sheet, home / "in", "--json") == 0
    found = report(capsys)
    one, broken, two = found["models"]
    assert [row["input"] for row in one["written"]] == [row["input"] for row in two["written"]]
    assert Path(two["written"][1]["output"]) == out / "two" / "b.png"
    assert "c.jpg" in two["skipped"][0]["error"]
    assert "damaged" in broken["error"]
    assert found["sheet"] == str(sheet)
    # Each model's picture stands in its column, scaled to the cell.
    drawn = np.asarray(Image.open(sheet), int)
    cells = [
        np.asarray(Image.open(out / name / "a.png").resize((256, 171), Image.Resampling.LANCZOS))
        for name in ("one", "two")
    ]
    lefts = [_left_of(drawn, cell) for cell in cells]
    assert lefts[1] - lefts[0] == 2 * (256 + 8)  # the broken model's column lies between


def _left_of(sheet: np.ndarray, cell: np.ndarray) -> int:
    """Where `cell` stands in the first row of pictures."""
    height, width = cell.shape[:2]
    for top in range(20, 60):
        for left in range(8, sheet.shape[1] - width + 1):
            if (sheet[top, left : left + 8] == cell[0, :8]).all() and (
                sheet[top : top + height, left : left + width] == cell
            ).all():
                return left
    raise AssertionError("the picture is not on the sheet")


def test_a_sheet_alone_needs_no_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = home / "sheet.jpg"
    assert call("--checkpoint", "one", "--sheet", sheet, home / "in" / "a.png") == 0
    assert Image.open(sheet).format == "JPEG"
    out = capsys.readouterr().out
    assert str(sheet) in out
    assert "a.png with one" in out


def test_two_models_of_one_name_do_not_share_a_folder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(home / "elsewhere" / "one", ngf=4, blocks=6)
    models = ("--checkpoint", "one", "--checkpoint", home / "elsewhere" / "one")
    assert call(*models, "--output", home / "out", home / "in", "--json") == 0
    assert [row["checkpoint"] for row in report(capsys)["models"]] == ["one", "one-2"]
    assert (home / "out" / "one-2" / "b.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--checkpoint", "one"), "add --output DIR, --sheet FILE or both"),
        (("--checkpoint", "one", "--sheet", "a.gif"), "NAME.jpg"),
        (("--checkpoint", "broken", "--sheet", "a.jpg"), "damaged"),
        (("--checkpoint", "nope", "--checkpoint", "broken", "--output", "x"), "no checkpoint"),
    ],
)
def test_bad_input_is_told_in_a_line(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str
) -> None:
    assert call(*arguments, home / "in" / "a.png") == 2
    assert line in capsys.readouterr().err
    assert not (home / "a.jpg").exists()


def test_a_large_picture_keeps_within_the_memory_limit(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = make_picture(321, 242)
    picture.save(home / "large.png")
    arguments = ("--checkpoint", "two", home / "large.png", "--output")
    assert call(*arguments, home / "whole") == 0
    assert "in bands" not in capsys.readouterr().err
    assert call(*arguments, home / "bands", "--memory-limit", "0.006") == 0
    assert "in bands" in capsys.readouterr().err
    whole, bands = (np.asarray(Image.open(home / f / "large.png"), int) for f in ("whole", "bands"))
    assert np.abs(whole - bands).max() <= 1
    assert call(*arguments, home / "none", "--memory-limit", "0.0005") == 2
    assert "need at least 0.00" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        call(*arguments, home / "none", "--memory-limit", "little")
    assert stopped.value.code == 2
    assert "'little': a positive number of gigabytes" in capsys.readouterr().err

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cut.bands.stores.Spilled.write", interrupt)
    monkeypatch.setattr("cut.bands.stores.Kept.write", interrupt)
    assert call(*arguments, home / "none", "--memory-limit", "0.006") == 130
    assert not (home / "none").exists(), "nothing half-written"
