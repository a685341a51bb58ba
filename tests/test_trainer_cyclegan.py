"""CycleGAN through the trainer: what it saves is two models, which serve as any other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cut.checkpoints import find, read_checkpoint
from cut.cli import main
from cut.config import from_dict, preset, to_dict, with_overrides
from cut.device import Placement
from cut.errors import CutError
from cut.evaluation.scores import evaluate
from cut.published import export_published
from cut.trainer import Preview, Run, Step
from cut.translate import load
from tests.helpers import TINY_CYCLE, make_checkpoint, make_picture, make_unpaired

CPU = Placement(torch.device("cpu"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_unpaired(tmp_path / "data", count=3)


def trained(folder: Path, data: Path, **options) -> tuple[Run, list]:
    run = Run("there", TINY_CYCLE, data, folder, CPU, workers=0, until=2, **options)
    return run, list(run.train())


def test_both_ways_are_saved_and_serve_as_any_model(tmp_path: Path, data: Path) -> None:
    run, events = trained(tmp_path / "run", data, preview_every=1)
    names = {"G_A", "G_B", "D_A", "D_B", "cycle_A", "cycle_B", "idt_A", "idt_B", "G"}
    assert all(set(event.losses) == names for event in events if isinstance(event, Step))
    there, back = (read_checkpoint(run.folder / name) for name in ("last", "back"))
    assert [model.config["title"] for model in (there, back)] == ["there", "there, the way back"]
    assert "patch_heads" not in there.config
    state = torch.load(run.state_file, weights_only=True)["method"]
    translators = [load(model, precision="fp32") for model in (there, back)]
    parts = ("generator", "generator_back")
    for translator, part in zip(translators, parts, strict=True):
        weights = translator.generator.parameters()
        assert all(map(torch.equal, weights, state[part]["average"]))
    shown = [event for event in events if isinstance(event, Preview)][-1].picture
    picture = shown.crop((0, 0, 40, 40))
    assert translators[0](picture).tobytes() == shown.crop((0, 40, 40, 80)).tobytes()
    assert translators[1](picture).tobytes() != translators[0](picture).tobytes()


def test_its_model_is_scored_exported_and_looked_into(tmp_path: Path, data: Path) -> None:
    run, _ = trained(tmp_path / "run", data)
    model = read_checkpoint(run.folder / "last")
    translator = load(model, precision="fp32")
    score = evaluate(translator, data / "trainA", data / "trainB", "kid-lite0", size=64)
    assert score.images == 3
    export_published(model, tmp_path / "out")
    published = find(tmp_path / "out" / "latest_net_G.pth")
    picture = make_picture(40, 40)
    assert load(published, precision="fp32")(picture).tobytes() == translator(picture).tobytes()
    view = translator.correspondence(picture, size=256)
    assert not view.has_heads
    assert [layer.number for layer in view.layers] == [0, 4, 8, 12], "those that its encoder has"


def test_it_may_start_from_a_model_of_cut(tmp_path: Path, data: Path) -> None:
    model = make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    run, events = trained(tmp_path / "run", data, start_from=model, preview_every=None)
    assert not any(isinstance(event, Preview) for event in events), "no rule asks for any"
    before = model.generator_state()
    saved = torch.load(run.state_file, weights_only=True)["method"]["generator"]["weights"]
    assert all((saved[key] - value).abs().max() <= 5e-4 for key, value in before.items())


def test_a_smaller_pool_keeps_what_fits(tmp_path: Path, data: Path) -> None:
    run, _ = trained(tmp_path / "run", data)
    again = Run("there", TINY_CYCLE, data, run.folder, CPU, workers=0, until=3)
    again.overrides = {"pool_size": "1"}
    list(again.train(resume=True))
    pools = torch.load(run.state_file, weights_only=True)["method"]["pools"]
    assert [len(pools[side]) for side in "AB"] == [1, 1]


def test_settings_that_make_no_sense() -> None:
    for key in ("pool_size", "lambda_A", "lambda_B", "lambda_identity"):
        with pytest.raises(CutError, match=f"setting {key}=-1: from 0 to "):
            with_overrides(preset("cyclegan"), {key: "-1"})
    with pytest.raises(CutError, match="no setting 'layers'"):
        with_overrides(preset("cyclegan"), {"layers": "0"})
    for name in ("paper", "compact"):
        settings = with_overrides(preset("cyclegan", name), {})
        assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings
    assert replace(TINY_CYCLE, ngf=32).method == "cyclegan"


def test_on_the_command_line(
    tmp_path: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    call = ["train", "--method", "cyclegan", "--data", str(data), "--device", "cpu"]
    small = ["ngf=4", "ndf=4", "blocks=1", "crop_size=32", "load_size=36"]
    sets = [part for text in small for part in ("--set", text)]
    names = ["--name", "photo2painting", "--name-back", "painting2photo"]
    assert main([*call, *sets, *names, "--steps", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["name"], report["name_back"]) == ("photo2painting", "painting2photo")
    picture = make_picture(32, 32)
    there, back = (load(report[key], precision="fp32")(picture) for key in ("name", "name_back"))
    assert there.tobytes() != back.tobytes()
    assert find("painting2photo").title == "painting2photo"
    for names, line in (
        (["--name", "one", "--name-back", "one"], "the two ways need two names"),
        (["--name", "one", "--name-back", "painting2photo"], "'painting2photo' already"),
        (["--name", "one", "--name-back", "a/b"], "use letters, digits"),
        (["--name", "one", "--name-back", "b", "--method", "cut"], "cut learns one way only"),
    ):
        assert main([*call, *names, "--steps", "1"]) == 2
        assert line in capsys.readouterr().err
