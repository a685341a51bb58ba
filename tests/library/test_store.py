"""Names in the library: given, changed, refused; and what was measured of a model."""

import json
import os
from pathlib import Path

import pytest
import torch

from cut import checkpoints
from cut.checkpoints import find
from cut.cli import main
from cut.device import Placement
from cut.errors import CutError
from cut.library import remove, rename
from cut.library.speed import Speed, measure, recall, remember
from cut.library.store import place_for
from cut.translate import Translator
from tests.helpers import make_checkpoint


@pytest.fixture
def mine(home: Path) -> Path:
    return make_checkpoint(home / "checkpoints" / "mine", ngf=4, blocks=2).folder


def test_a_new_name(mine: Path) -> None:
    weights = (mine / "generator.safetensors").read_bytes()
    model = rename("mine", "ours")
    assert not mine.exists()
    assert find("ours").folder == model.folder
    assert (model.title, model.config["name"]) == ("ours", "ours")
    assert (model.folder / "generator.safetensors").read_bytes() == weights
    with pytest.raises(CutError, match="no checkpoint 'mine'"):
        find("mine")


def test_a_title_is_kept_or_changed(mine: Path) -> None:
    assert rename("mine", "mine", title="Horses\nto zebras").title == "Horses to zebras"
    assert rename("mine", "ours").title == "Horses to zebras"
    assert rename("ours", "ours", title=" ").title == "ours"


def test_a_name_like_a_files(mine: Path, home: Path) -> None:
    rename("mine", "mine.pth")
    assert find("mine.pth").folder == home / "checkpoints" / "mine.pth"
    rename("mine.pth", "zebras")
    remove("zebras")
    assert not list((home / "checkpoints").iterdir())


def test_names_that_cannot_be_given(tmp_path: Path, home: Path, mine: Path) -> None:
    make_checkpoint(home / "checkpoints" / "other", ngf=4, blocks=2)
    make_checkpoint(tmp_path / "bundled" / "shipped", ngf=4, blocks=2)
    for new, told in (
        ("other", "there is a checkpoint 'other' already"),
        ("shipped", "belongs to a bundled model"),
        ("../up", "use letters, digits"),
    ):
        with pytest.raises(CutError, match=told):
            rename("mine", new)
        assert find("mine").folder == mine
    with pytest.raises(CutError, match="is bundled and keeps its name"):
        rename("shipped", "taken")


def test_a_name_taken_meanwhile(home: Path, mine: Path) -> None:
    with pytest.raises(CutError, match="already"), place_for("new") as folder:
        (folder / "config.json").write_text("mine")
        make_checkpoint(home / "checkpoints" / "new", ngf=4, blocks=2)
    assert find("new").config["name"] == "new"
    assert sorted(path.name for path in (home / "checkpoints").iterdir()) == ["mine", "new"]


def test_the_commands(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoints", "rename", "mine", "ours", "--title", "Ours"]) == 0
    assert "mine is now ours: Ours" in capsys.readouterr().out
    target = str(tmp_path / "copy")
    assert main(["checkpoints", "export", "ours", "--output", target, "--licence", "mit"]) == 2
    assert main(["checkpoints", "export", "ours", "--output", target]) == 0
    assert main(["checkpoints", "import", target, "--name", "again", "--terms", "CC0 1.0"]) == 0
    assert "again: generator, patch_heads in " in capsys.readouterr().out
    assert main(["checkpoints", "show", "again", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["terms"], row["method"]) == ("CC0 1.0", "cut")
    assert main(["checkpoints", "remove", "again", "--yes"]) == 0
    assert main(["checkpoints", "remove", "again", "--yes"]) == 2


def test_what_was_measured_is_remembered_of_these_weights(mine: Path, home: Path) -> None:
    model = find("mine")
    assert recall(model) is None
    speed = measure(Translator(model, Placement(torch.device("cpu"))), runs=1)
    assert 0 < speed.seconds < 30
    assert (speed.size, speed.precision) == (256, "fp32")
    assert "thread" in speed.machine
    remember(model, speed)
    assert recall(model) == speed
    os.utime(mine / "generator.safetensors", ns=(1, 1))
    assert recall(model) is None
    (home / "speeds.json").write_text("{")
    assert recall(model) is None


def test_a_speed_of_elsewhere_is_told_with_its_machine(mine: Path) -> None:
    values = json.loads((mine / "config.json").read_text())
    told = {"seconds": 0.5, "size": 256, "precision": "fp32", "machine": "another"}
    (mine / "config.json").write_text(json.dumps(values | {"speed": told}))
    assert recall(checkpoints.find("mine")) == Speed(0.5, 256, "fp32", "another")
