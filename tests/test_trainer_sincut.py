"""A single-image run from start to model: trained, shown, saved, resumed, loaded again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cut.checkpoints import find, read_checkpoint
from cut.cli import main
from cut.config import SinCutSettings, from_dict, preset, to_dict, with_overrides
from cut.device import Placement
from cut.errors import CutError
from cut.published import export_published
from cut.trainer import Preview, Run, Saved, Step
from cut.translate import load
from tests.helpers import TINY as FOLDERS
from tests.helpers import make_picture

CPU = Placement(torch.device("cpu"))
TINY = SinCutSettings(
    ngf=1, blocks=2, ndf=1, embedding=8, crop_size=32, batch_size=3, steps=4, ema=0.5
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "painting.png", tmp_path / "photo.png"
    make_picture(75, 50, seed=1).save(files[0])
    make_picture(64, 90, seed=2).save(files[1])
    return files


def run(folder: Path, pair: Any, settings: Any = TINY, **options: Any) -> Run:
    return Run("mine", settings, pair, folder, CPU, **options)


def last_of(events: Iterator[Any]) -> Any:
    *_, last = events
    return last


def test_previews_of_a_large_picture_are_smaller(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    small = replace(TINY, steps=1)
    for side, expected in ((None, (75, 50)), (75, (75, 50)), (60, (60, 40))):
        events = run(tmp_path / f"run{side}", pair, small, preview_side=side).train()
        *_, shown = [event.picture for event in events if isinstance(event, Preview)]
        assert shown.size == expected


def test_events_and_what_is_saved(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    events = list(run(tmp_path / "run", pair, preview_every=2).train())
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert {"D_R1", "idt", "NCE", "NCE_Y", "G_GAN", "G"} <= set(steps[0].losses)
    previews = [event for event in events if isinstance(event, Preview)]
    assert [preview.step for preview in previews] == [0, 2, 4]
    assert all(preview.picture.size == (75, 50) for preview in previews), "the whole source"
    assert isinstance(events[-1], Saved)

    values = json.loads((tmp_path / "run" / "last" / "config.json").read_text())
    assert values["method"] == "sincut"
    assert values["generator"] == {"kind": "stylegan2", "channels": [16, 32], "blocks": 2}
    assert values["patch_heads"] == {"layers": [0, 2, 4], "channels": [3, 32, 32], "dim": 8}
    assert values["data"]["name"] == "painting.png and photo.png"
    assert from_dict(values["settings"]) == TINY


def test_the_model_translates_as_the_preview_shows(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    events = list(run(tmp_path / "run", pair, preview_every=4).train())
    shown = [event for event in events if isinstance(event, Preview)][-1].picture
    translator = load(read_checkpoint(tmp_path / "run" / "last"), precision="fp32")
    picture = make_picture(75, 50, seed=1)
    assert translator(picture).tobytes() == shown.tobytes()


def test_its_patches_correspond(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    list(run(tmp_path / "run", pair).train())
    translator = load(read_checkpoint(tmp_path / "run" / "last"), precision="fp32")
    view = translator.correspondence(make_picture(80, 60), size=256)
    assert [layer.number for layer in view.layers] == [0, 2, 4]
    assert [layer.receptive_field for layer in view.layers] == [1, 8, 24]
    assert view.layers[1].xs[0] == pytest.approx(0.5 + 2 * round((view.layers[1].xs[0] - 0.5) / 2))
    assert view.has_heads


def test_the_published_format_there_and_back(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    list(run(tmp_path / "run", pair).train())
    model = read_checkpoint(tmp_path / "run" / "last")
    export_published(model, tmp_path / "exported")
    published = find(tmp_path / "exported" / "latest_net_G.pth")
    assert published.config["generator"] == model.config["generator"]
    assert published.config["method"] == "sincut"
    picture = make_picture(40, 40)
    there, back = (load(one, precision="fp32")(picture) for one in (model, published))
    assert there.tobytes() == back.tobytes()

    state = model.generator_state()
    del state["decoder.convs.0.conv1.0.weight"]
    torch.save(state, tmp_path / "less_net_G.pth")
    with pytest.raises(CutError, match=r"decoder\.convs\.0\.conv1\.0\.weight does not fit"):
        find(tmp_path / "less_net_G.pth")


def test_resumed_is_as_never_stopped(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    list(run(tmp_path / "whole", pair).train())
    list(run(tmp_path / "parts", pair, until=2).train())
    last = last_of(run(tmp_path / "parts", pair, settings=preset("sincut")).train(resume=True))
    assert last.step == 4
    whole, parts = (
        read_checkpoint(tmp_path / name / "last").generator_state() for name in ("whole", "parts")
    )
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())


def test_the_wrong_kind_of_data_is_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(CutError, match="sincut trains on two pictures"):
        next(run(tmp_path / "run", tmp_path).train())
    with pytest.raises(CutError, match="cut trains on two folders"):
        next(run(tmp_path / "run", pair, settings=FOLDERS).train())


def test_the_papers_settings() -> None:
    settings = preset("sincut")
    assert isinstance(settings, SinCutSettings)
    assert settings.channels == (80, 160)
    assert settings.discriminator_channels == (32, 64, 128, 256, 384)
    assert settings.total_steps(settings.epoch_crops) == 100_000
    assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings
    # Caps of the published table: 512 and 384 channels from 32 px down.
    wide = replace(settings, ngf=40, ndf=64)
    assert wide.channels == (320, 512)
    assert wide.discriminator_channels == (256, 384, 384, 384, 384)
    assert replace(settings, crop_size=128).channels == (40, 80)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": "48"}, "crop_size=48: a power of two"),
        ({"zoom": "0"}, "zoom=0: above 0"),
        ({"batch_size": "1"}, "batch_size=1: at least 2"),
        ({"masks": "true"}, "no setting 'masks'"),
        ({"gan_loss": "wgan"}, "gan_loss=wgan: choose"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, str], message: str) -> None:
    with pytest.raises(CutError, match=message):
        with_overrides(preset("sincut"), changes)


def test_on_the_command_line(
    tmp_path: Path,
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    start = ["train", "--method", "sincut", "--name", "mine", "--device", "cpu"]
    files = ["--source", str(pair[0]), "--target", str(pair[1])]
    small = ["ngf=1", "ndf=1", "blocks=2", "embedding=8", "crop_size=32", "batch_size=2"]
    sets = [part for text in small for part in ("--set", text)]
    assert main([*start, *files, *sets, "--steps", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["steps"] == 2
    assert load("mine", precision="fp32").checkpoint.config["method"] == "sincut"
    assert main([*start, *files[:2]]) == 2
    assert "give --source and --target" in capsys.readouterr().err
    assert main(["train", "--name", "other", *files]) == 2
    assert "cut trains on two folders: give --data" in capsys.readouterr().err


def test_the_first_preview_waits_for_nothing_that_takes_seconds_to_import(
    pair: tuple[Path, Path],
) -> None:
    make_picture(75, 64, seed=1).save(pair[0])
    code = f"""
import sys
from pathlib import Path
from cut.config import preset
from cut.device import choose
from cut.trainer import Run
pair = Path({str(pair[0])!r}), Path({str(pair[1])!r})
settings = preset("sincut", "quick")
run = Run("mine", settings, pair, pair[0].parent / "run", choose("cpu", "fp32"))
print(type(next(run.train())).__name__, {{"torchvision", "torch._dynamo"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "Preview set()", done.stderr
