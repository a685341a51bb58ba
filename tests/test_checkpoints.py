"""The checkpoint folder: found by name, written whole, guarded."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cut import checkpoints
from cut.checkpoints import available, find, read_checkpoint, write_checkpoint
from cut.errors import CutError
from cut.library import claim, publish, remove, validate_name
from cut.library.imports import import_model
from tests.helpers import make_checkpoint


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checkpoints, "BUNDLED", tmp_path / "bundled")
    return tmp_path / "home"


def make(root: Path, name: str) -> checkpoints.Checkpoint:
    return make_checkpoint(root / name, ngf=4, blocks=2)


def test_what_a_checkpoint_tells(home: Path) -> None:
    made = make(home / "checkpoints", "mine")
    model = find("mine")
    assert (model.name, model.title, model.bundled) == ("mine", "mine", False)
    assert model.score is None
    assert model.card == ""
    assert model.size_bytes == sum(path.stat().st_size for path in made.files.values())
    assert model.config["generator"]["kind"] == "resnet"
    heads = model.config["patch_heads"]
    assert heads == {"layers": [0, 4, 8, 12], "channels": [3, 8, 16, 16], "dim": 16}
    assert model.patch_heads_state()["mlp_3.0.weight"].shape == (16, 16)


def test_the_users_come_before_the_bundled(tmp_path: Path, home: Path) -> None:
    for name in ("both", "bundled", checkpoints.FIRST):
        make(tmp_path / "bundled", name)
    for name in ("own", "both"):
        make(home / "checkpoints", name)
    assert [(model.name, model.bundled) for model in available()] == [
        ("both", False),
        ("own", False),
        ("horse2zebra", True),
        ("bundled", True),
    ]
    assert find("both").folder == home / "checkpoints" / "both"
    assert find("bundled").bundled


def test_found_by_folder(tmp_path: Path) -> None:
    made = make(tmp_path / "elsewhere", "model")
    assert find(made.folder).folder == made.folder
    assert find(str(made.folder)).name == "model"


def test_an_unknown_name_lists_those_there_are(home: Path) -> None:
    with pytest.raises(CutError, match="no checkpoint 'zebra'; there are: none yet"):
        find("zebra")
    make(home / "checkpoints", "horse")
    with pytest.raises(CutError, match="no checkpoint 'zebra'; there are: horse"):
        find("zebra")


def test_broken_folders_are_left_out_and_named_when_asked_for(home: Path) -> None:
    root = home / "checkpoints"
    make(root, "good")
    (root / "empty").mkdir()
    for name, content in (("nojson", "{"), ("list", "[]"), ("future", '{"format": 99}')):
        (root / name).mkdir()
        (root / name / "config.json").write_text(content)
    weightless = make(root, "weightless")
    weightless.files["generator"].unlink()
    assert [model.name for model in available()] == ["good"]
    expected = {
        "empty": "no config.json",
        "nojson": "is damaged: it is not JSON",
        "list": "no model.s of this software",
        "future": "another version",
        "weightless": "has no generator.safetensors",
    }
    for name, message in expected.items():
        with pytest.raises(CutError, match=message) as caught:
            find(name)
        assert "\n" not in str(caught.value)


def test_the_folder_one_is_in_has_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "bert").mkdir(parents=True)
    (home / "bert" / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.chdir(home / "bert")
    with pytest.raises(CutError, match=r"^bert/config\.json is no model's of this"):
        find(".")


def test_damaged_weights_are_one_line(home: Path) -> None:
    model = make(home / "checkpoints", "mine")
    path = model.files["generator"]
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[:-1], b"\xff" * 200):
        path.write_bytes(damaged)
        with pytest.raises(CutError, match=r"generator\.safetensors is damaged") as caught:
            model.generator_state()
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(CutError, match="cannot read"):
        model.generator_state()


def test_writing_again_keeps_the_card_and_replaces_the_rest(tmp_path: Path) -> None:
    first = make(tmp_path, "model")
    (first.folder / "README.md").write_text("# Card")
    state = {key: value + 1 for key, value in first.generator_state().items()}
    again = write_checkpoint(first.folder, first.config, state)
    assert again.card == "# Card"
    assert not again.has_patch_heads, "the heads that were there are not of these weights"
    assert torch.equal(again.generator_state()["model.1.bias"], state["model.1.bias"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_half_precision_on_disk_is_float32_in_memory(tmp_path: Path) -> None:
    first = make(tmp_path, "full")
    state = first.generator_state()
    half = write_checkpoint(tmp_path / "half", first.config, state, dtype=torch.float16)
    assert half.files["generator"].stat().st_size < 0.6 * first.files["generator"].stat().st_size
    for key, value in half.generator_state().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, state[key], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a b", "é", "x" * 65, "-rf"])
def test_unfit_names(name: str) -> None:
    with pytest.raises(CutError, match="use letters, digits"):
        validate_name(name)
    with pytest.raises(CutError):
        remove(name)


def test_names_that_are_taken(tmp_path: Path, home: Path) -> None:
    make(tmp_path / "bundled", "horse2zebra")
    make(home / "checkpoints", "mine")
    for overwrite in (False, True):
        with pytest.raises(CutError, match="belongs to a bundled model"):
            claim("horse2zebra", overwrite)
    with pytest.raises(CutError, match="already: choose another name"):
        claim("mine")
    assert claim("mine", overwrite=True) == home / "checkpoints" / "mine"


def test_importing_a_folder_of_this_softwares(tmp_path: Path, home: Path) -> None:
    made = make(tmp_path / "elsewhere", "model")
    model = import_model(made.folder, "copy").checkpoint
    assert model.folder == home / "checkpoints" / "copy"
    assert model.files.keys() == made.files.keys()
    made.files["patch_heads"].write_bytes(b"damaged")
    with pytest.raises(CutError, match="is damaged"):
        import_model(made.folder, "second")
    assert [path.name for path in (home / "checkpoints").iterdir()] == ["copy"]


def test_removing(tmp_path: Path, home: Path) -> None:
    make(tmp_path / "bundled", "bundled")
    make(home / "checkpoints", "mine")
    outside = make(tmp_path / "elsewhere", "outside")
    remove("mine")
    assert not (home / "checkpoints" / "mine").exists()
    with pytest.raises(CutError, match="is bundled and stays"):
        remove("bundled")
    with pytest.raises(CutError, match="is not among your checkpoints"):
        remove(str(outside.folder))
    assert outside.folder.is_dir()
    with pytest.raises(CutError, match="no checkpoint 'mine'"):
        remove("mine")


def test_a_run_is_published_under_a_name(tmp_path: Path, home: Path) -> None:
    run = make(tmp_path / "runs", "last")
    for _ in range(2):
        model = publish(run.folder, "mine")
    assert model.folder == home / "checkpoints" / "mine"


def test_where_home_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUT_HOME", "~/models")
    assert checkpoints.home() == Path.home() / "models"
    monkeypatch.delenv("CUT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert checkpoints.home() == tmp_path / "cut"


def test_config_is_plain_json(tmp_path: Path) -> None:
    made = make(tmp_path, "model")
    values = json.loads((made.folder / "config.json").read_text())
    assert values == read_checkpoint(made.folder).config
    assert values["settings"]["layers"] == [0, 4, 8, 12]


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": 7, "summary": ["x"], "steps": "many"},
        {"data": "a text", "settings": "a text", "generator": []},
        {"data": {"name": 1, "terms": {}}, "settings": {"load_size": "256"}},
        {"score": "good"},
        {"score": {"metric": "kid", "value": "x"}},
        {"score": {"metric": 1, "value": 0.5}},
        {"score": {"metric": "kid", "value": 0.5, "interval": [0.1]}},
        {"score": {"metric": "kid", "value": True}},
    ],
)
def test_what_is_of_another_type_is_as_good_as_not_said(home: Path, wrong: dict[str, Any]) -> None:
    folder = make(home / "checkpoints", "mine").folder
    config = json.loads((folder / "config.json").read_text())
    said = {"title": "Said", "summary": "Said", "steps": 5, "data": {"name": "d", "terms": "t"}}
    (folder / "config.json").write_text(json.dumps(config | said | wrong))
    model = find("mine")
    assert model.title == ("mine" if "title" in wrong else "Said")
    assert model.summary == ("" if "summary" in wrong else "Said")
    assert model.steps == (0 if "steps" in wrong else 5)
    assert (model.data, model.terms) == (("", "") if "data" in wrong else ("d", "t"))
    assert model.score is None
    assert model.trained_side == (None if "settings" in wrong else 40)


def test_pages_begin_with_a_bundled_one(tmp_path: Path, home: Path) -> None:
    assert checkpoints.first_of(available()) is None
    make(home / "checkpoints", "a_training_of_today")
    assert checkpoints.first_of(available()).name == "a_training_of_today"
    make(tmp_path / "bundled", "zebras")
    assert [model.name for model in available()] == ["a_training_of_today", "zebras"]
    assert checkpoints.first_of(available()).name == "zebras"
