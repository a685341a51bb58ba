"""The command `evaluate`: what it prints, draws and refuses."""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image, ImageOps

from cut.checkpoints import Checkpoint
from cut.commands import evaluate as command
from cut.errors import CutError
from tests.evaluation.stand_ins import ColourNetwork, fill
from tests.helpers import make_checkpoint


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["evaluate", *map(str, arguments)])
    return args.run(args)


@pytest.fixture
def inverting_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that inverts colours, under whatever name it is asked for."""

    class Model:
        placement = SimpleNamespace(device=torch.device("cpu"), precision="fp32")

        def __init__(self, name: str) -> None:
            about = {"method": "cut", "steps": 3, "data": {"name": "made"}}
            self.checkpoint = Checkpoint(name, Path(name), about)

        def __call__(self, one: Image.Image) -> Image.Image:
            return ImageOps.invert(one)

    monkeypatch.setattr("cut.translate.load", lambda name, device, precision: Model(name))


def test_command_prints_the_score_and_draws_the_sheet(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    colours: ColourNetwork,
    inverting_model: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "cut.evaluation.report.Album", lambda _: pytest.fail("no page is asked for")
    )
    source, target = fill(tmp_path / "a", range(5)), fill(tmp_path / "b", range(20, 25))
    (source / "broken.png").write_bytes(b"broken")
    sheet = tmp_path / "out" / "sheet.jpg"
    options = ("--source", source, "--target", target, "--size", "32", "--sheet", sheet, "--json")
    assert call("--checkpoint", "inverter", *options) == 0
    out, err = capsys.readouterr()
    score = json.loads(out.splitlines()[-1])
    assert score["metric"] == "kid-lite0"
    assert score["interval"][0] < score["value"] < score["interval"][1]
    assert score["images"] == 5
    assert score["skipped"] == 1
    assert f"doing nothing: {score['doing_nothing']:.4f}" in out
    assert "inverter" in out
    assert "broken.png" in err
    assert Image.open(sheet).format == "JPEG"


def test_command_with_a_real_generator(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing replaced: a generator of random weights, sides that are no multiple of four."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    make_checkpoint(tmp_path / "checkpoints" / "random", ngf=8, blocks=6)
    source = fill(tmp_path / "a", range(2), (41, 35))
    options = ("--source", source, "--target", source, "--size", "32", "--device", "cpu", "--json")
    assert call("--checkpoint", "random", *options) == 0
    score = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert score["images"] == 2
    assert score["value"] > score["doing_nothing"]


def test_command_writes_the_page_and_the_json_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    colours: ColourNetwork,
    inverting_model: None,
) -> None:
    source, target = fill(tmp_path / "a", range(5)), fill(tmp_path / "b", range(20, 25))
    page, output = tmp_path / "out" / "page.html", tmp_path / "out" / "score.json"
    files = ("--report", page, "--output", output)
    assert call("--checkpoint", "inv<b>", "--source", source, "--target", target, *files) == 0
    score = json.loads(output.read_text())
    out = capsys.readouterr().out
    assert not out.splitlines()[-1].startswith("{")  # that is --json's
    assert f"inv<b>: {score['value']:.4f}" in out
    html = page.read_text()
    assert f"inv&lt;b&gt;: KID-lite0 {score['value']:.4f}" in html
    assert "<b>" not in html
    low, high = score["gain_interval"]
    assert f"<td>{low:.4f} to {high:.4f}</td>" in html
    assert sorted(path.name for path in page.parent.iterdir()) == ["page.html", "score.json"]


def test_command_prints_the_score_though_the_sheet_cannot_be_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    colours: ColourNetwork,
    inverting_model: None,
) -> None:
    source = fill(tmp_path / "a", range(4))
    (tmp_path / "file").write_text("where a folder is wanted")
    options = ("--source", source, "--target", source, "--sheet", tmp_path / "file" / "sheet.png")
    with pytest.raises(CutError, match="cannot write"):
        call("--checkpoint", "inverter", *options, "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["images"] == 4


def test_command_refuses_before_it_loads_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cut.translate.load", lambda *_, **__: pytest.fail("loaded"))
    (tmp_path / "empty").mkdir()
    source = fill(tmp_path / "a", range(2))
    with pytest.raises(CutError, match="holds no pictures"):
        call("--checkpoint", "any", "--source", source, "--target", tmp_path / "empty")
    for option, name, message in [
        ("--sheet", "a.gif", "JPEG or PNG"),
        ("--report", "a.pdf", r"call it a\.html"),
        ("--output", "a", r"call it a\.json"),
    ]:
        with pytest.raises(CutError, match=message):
            call("--checkpoint", "any", "--source", source, "--target", source, option, name)


@pytest.mark.parametrize("option", [("--size", "0"), ("--limit", "-3"), ("--metric", "psnr")])
def test_command_refuses_senseless_options(option: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        call("--checkpoint", "any", "--source", tmp_path, "--target", tmp_path, *option)
    assert caught.value.code == 2
