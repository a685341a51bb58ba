"""`python -m cut correspond`: files, numbers, and one line for what does not fit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut.cli import main
from tests.helpers import make_checkpoint, make_picture


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "small"
    make_checkpoint(folder, ngf=4, blocks=5)
    return folder


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    make_picture(120, 90).save(path)
    return path


def arguments(checkpoint: Path, image: Path, output: Path, *more: object) -> list[str]:
    given = ["correspond", "--checkpoint", checkpoint, "--image", image, "--output", output]
    chosen = [*given, "--device", "cpu", "--precision", "fp32"]
    if "--patch" not in more:
        chosen += ["--patch", 60, 30]
    return [str(word) for word in (*chosen, *more)]


@pytest.mark.parametrize("suffix", ["png", "svg", "PDF"])
def test_the_figure_is_written_in_the_format_of_its_name(
    checkpoint: Path, image: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"figure.{suffix}"
    assert main(arguments(checkpoint, image, output, "--layer", 4)) == 0
    start = {"png": b"\x89PNG", "svg": b"<?xml", "PDF": b"%PDF"}[suffix]
    assert output.read_bytes().startswith(start)


def test_json_holds_the_numbers_and_arrays_the_vectors(
    checkpoint: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, arrays = tmp_path / "figure.svg", tmp_path / "arrays.npz"
    more = ("--json", "--arrays", arrays, "--size", 384)
    assert main(arguments(checkpoint, image, output, *more)) == 0
    told, errors = capsys.readouterr()
    report = json.loads(told.splitlines()[-1])
    assert report["figure"] == str(output)
    assert report["arrays"] == str(arrays)
    assert (report["x"], report["y"]) == (60, 30)
    assert report["picture"] == [120, 90]
    assert report["working_size"] == [512, 384]
    assert [row["layer"] for row in report["layers"]] == [0, 4, 8, 12, 16]
    assert f"{report['layers'][1]['loss']:.3f}" in told
    assert "Runs on the CPU" in errors
    with np.load(arrays) as saved:
        row = report["layers"][1]
        loss = saved["layer4_loss"][row["row"], row["column"]]
        assert loss == pytest.approx(row["loss"], abs=1e-4)


def test_one_layer_alone(
    checkpoint: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figure.png"
    assert main(arguments(checkpoint, image, output, "--layer", 16, "--json")) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["layer"] for row in report["layers"]] == [16]


def test_a_picture_of_one_colour_is_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "flat.png"
    Image.new("RGB", (80, 80), "gray").save(image)
    output = tmp_path / "figure.png"
    assert main(arguments(checkpoint, image, output)) == 0
    assert "patches of this picture look alike" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--patch", 120, 5), "place (120, 5) is outside the picture of 120 x 90 px"),
        (("--patch", 5, -1), "place (5, -1) is outside the picture of 120 x 90 px"),
        (("--patch", "nan", 5), "--patch nan 5: two numbers of pixels"),
        (("--layer", 5), "layer 5 is not contrasted here: choose from 0, 4, 8, 12, 16"),
        (("--size", 300), "size 300: choose 256, 384, 512"),
        (("--arrays", "a.txt"), "--arrays a.txt: the name ends in .npz"),
        (("--arrays", "/nowhere/a.npz"), "no folder /nowhere for a.npz: make it first"),
        (("--output", "figure.jpg"), "--output figure.jpg: a figure's name ends in .png, .svg or"),
        (("--output", "/nowhere/f.png"), "no folder /nowhere for f.png: make it first"),
        (("--image", "missing.jpg"), "missing.jpg does not exist"),
        (("--checkpoint", "unheard-of"), "unheard-of"),
        (("--device", "abacus"), "no device 'abacus'"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    checkpoint: Path,
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[object, ...],
    line: str,
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "figure.png"
    assert main(arguments(checkpoint, image, output, *more)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("cut: ")
    assert line in last
    assert not output.exists()


def test_files_that_are_there_are_kept_unless_told(
    checkpoint: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figure.svg"
    output.write_text("mine")
    command = arguments(checkpoint, image, output, "--layer", 0)
    assert main(command) == 2
    assert "is there already: add --overwrite" in capsys.readouterr().err
    assert output.read_text() == "mine"
    assert main([*command, "--overwrite"]) == 0
    assert output.read_text() != "mine"


def test_a_picture_that_is_too_narrow_is_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "narrow.png"
    make_picture(500, 100).save(image)
    assert main(arguments(checkpoint, image, tmp_path / "figure.png")) == 2
    assert "crop it to at most four times as long as wide" in capsys.readouterr().err


def test_help_needs_neither_torch_nor_matplotlib() -> None:
    script = (
        "import sys; from cut.cli import parser; parser().format_help();"
        "print(sorted({'torch', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
