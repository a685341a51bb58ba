"""Models from outside: what is taken of a folder or a zip, and what is refused in one line."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cut.checkpoints import Checkpoint, find
from cut.errors import CutError
from cut.library.imports import free_name, import_model
from cut.marks import mark, marks
from cut.networks.resnet import ResnetGenerator
from cut.published import export_published
from cut.translate import load
from tests.helpers import make_checkpoint, make_picture


@pytest.fixture
def model(tmp_path: Path) -> Checkpoint:
    """A checkpoint folder outside of the library, with a card and two samples."""
    made = make_checkpoint(tmp_path / "elsewhere" / "model", ngf=4, blocks=2)
    (made.folder / "README.md").write_text("# Model\n\nA card.")
    (made.folder / "samples").mkdir()
    make_picture(72, 32).save(made.folder / "samples" / "one.jpg")
    (made.folder / "samples" / "two.png").write_bytes(b"no picture")
    (made.folder / "samples" / "page.html").write_text("<script>")
    (made.folder / "notes.txt").write_text("beside it")
    return made


def change(model: Checkpoint, **values: Any) -> Checkpoint:
    """Write fields of config.json; None removes one."""
    kept = {key: value for key, value in (model.config | values).items() if value is not None}
    (model.folder / "config.json").write_text(json.dumps(kept))
    return model


def zip_of(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def files_of(folder: Path, root: str) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {f"{root}{path.relative_to(folder).as_posix()}": path.read_bytes() for path in found}


def refused(source: Path, home: Path, **options: Any) -> str:
    with pytest.raises(CutError) as caught:
        import_model(source, "mine", **options)
    assert "\n" not in str(caught.value)
    left = list((home / "checkpoints").iterdir()) if (home / "checkpoints").is_dir() else []
    assert left == []
    return str(caught.value)


@pytest.mark.parametrize("root", ["", "model/", "a/b/model/"])
def test_a_zip_of_ours(model: Checkpoint, tmp_path: Path, root: str) -> None:
    files = files_of(model.folder, root) | {"__MACOSX/model/._config.json": b"shadow"}
    imported = import_model(zip_of(files, tmp_path / "model.zip"), "mine")
    mine = find("mine")
    assert imported.checkpoint.folder == mine.folder
    kept = {path.relative_to(mine.folder).as_posix() for path in mine.folder.rglob("*.*")}
    weights = {"generator.safetensors", "patch_heads.safetensors"}
    assert kept == {"README.md", "config.json", "samples/one.jpg"} | weights
    assert mine.title == "mine"
    assert mine.card == model.card
    for key, value in model.generator_state().items():
        assert torch.equal(mine.generator_state()[key], value)
    assert any("does not state the terms" in note for note in imported.notes)


def test_a_zip_of_published_files(model: Checkpoint, tmp_path: Path) -> None:
    export_published(model, tmp_path / "out")
    path = zip_of(files_of(tmp_path / "out", "zebra/"), tmp_path / "zebra.zip")
    imported = import_model(path, "mine", terms="CC0 1.0")
    assert imported.checkpoint.terms == "CC0 1.0"
    assert imported.checkpoint.files.keys() == {"generator", "patch_heads"}
    picture = make_picture(40, 36)
    assert list(load("mine")(picture).getdata()) == list(load(model.folder)(picture).getdata())


def test_a_copy_is_not_the_jobs_that_made_the_model(model: Checkpoint, home: Path) -> None:
    change(model, job=mark("some job"))
    import_model(model.folder, "mine")
    assert marks(home) == {"mine": ""}


def test_texts_are_brought_to_one_line(model: Checkpoint, home: Path) -> None:
    change(model, title="Zebra\n# <b>\u202eit\x1b[0m", summary=1000 * "x")
    mine = import_model(model.folder, "mine").checkpoint
    assert mine.title == "Zebra # <b> it [0m"
    assert len(mine.summary) == 600


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "config.json is of another version"),
        ({"generator": {"kind": "unet"}}, "unknown architecture 'unet': this version knows resnet"),
        ({"generator": [1]}, "generator should be a table"),
        ({"generator": {"kind": "resnet", "ngf": 10**9}}, "holds another network"),
        ({"generator": {"kind": "resnet", "ngf": 4, "blocks": 10**12}}, "holds another network"),
        ({"title": ["x"]}, "title should be a text"),
        ({"data": None}, "does not say under which terms"),
        ({"data": {"name": "horses"}}, "does not say under which terms"),
        ({"data": {"name": "horses", "terms": 4}}, "data.terms should be a text"),
        ({"steps": "many"}, "steps should be a number"),
        ({"hours": float("nan")}, "hours should be a number"),
        ({"settings": {"load_size": "x"}}, "settings.load_size should be a number"),
        ({"settings": {"temperature": 0}}, "settings.temperature=0: from 0.001 to 100"),
        ({"settings": {"batch_size": "x"}}, "settings.batch_size should be a number"),
        ({"score": {"metric": "fid", "value": "good"}}, "score.value should be a number"),
        ({"patch_heads": {"layers": [0, 99], "channels": [3, 3], "dim": 16}}, "does not fit"),
        ({"patch_heads": {"layers": [0, 4, 8, 12], "channels": [1], "dim": 16}}, "does not fit"),
        ({"patch_heads": None}, "does not fit"),
    ],
)
def test_a_config_that_is_wrong(
    model: Checkpoint, home: Path, changes: dict[str, Any], told: str
) -> None:
    assert told in refused(change(model, **changes).folder, home)


@pytest.mark.parametrize("heads", [{"layers": [99]}, {"layers": "all"}, {"dim": 16}])
def test_layers_of_heads_that_were_left_out(
    model: Checkpoint, home: Path, heads: dict[str, Any]
) -> None:
    model.files["patch_heads"].unlink()
    told = refused(change(model, patch_heads=heads).folder, home)
    assert "patch_heads.layers should be a list of layers that the generator has" in told


def test_terms_can_be_said_when_importing(model: Checkpoint, home: Path) -> None:
    change(model, data=None)
    assert "--terms" in refused(model.folder, home)
    imported = import_model(model.folder, "mine", terms="CC BY 4.0\n")
    assert imported.checkpoint.terms == "CC BY 4.0"
    assert imported.notes == []


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def whole_numbers(path: Path) -> None:
    save_file({key: value.int() for key, value in load_file(path).items()}, path)


def not_numbers(path: Path) -> None:
    state = load_file(path)
    state["model.1.bias"][0] = float("nan")
    save_file(state, path)


def another(path: Path) -> None:
    save_file({"fc.weight": torch.zeros(2, 2)}, path)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (cut_short, "generator.safetensors is damaged"),
        (not_numbers, "infinite or not numbers"),
        (whole_numbers, "generator.safetensors holds no weights: model.1.bias is I32"),
        (another, "unknown architecture"),
        (Path.unlink, "no generator.safetensors"),
    ],
)
def test_weights_that_are_wrong(
    model: Checkpoint, home: Path, write: Callable[[Path], object], told: str
) -> None:
    write(model.folder / "generator.safetensors")
    assert told in refused(model.folder, home)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"config.json": b"{", "generator.safetensors": b""}, "it is not JSON"),
        ({"config.json": b"[" * 200_000}, "config.json is damaged: it is not JSON"),
        ({"config.json": b'{"model_type": "bert"}'}, "config.json is no model's of this software"),
        ({"config.json": b"[]"}, "config.json is no model's of this software"),
        ({"../up/config.json": b"{}"}, "a path out of the zip"),
        ({"/etc/config.json": b"{}"}, "a path out of the zip"),
        ({"readme.txt": b""}, "holds no model"),
        ({}, "holds no model"),
        ({"a/config.json": b"{}", "b/config.json": b"{}"}, "holds 2 models"),
        ({"config.json": b"{}", "generator.safetensors": bytes(30_000_000)}, "as a zip bomb does"),
        ({f"{k}": b"" for k in range(1001)}, "holds too many files: at most 1,000"),
    ],
)
def test_zips_that_are_wrong(
    tmp_path: Path, home: Path, files: dict[str, bytes], told: str
) -> None:
    assert told in refused(zip_of(files, tmp_path / "bad.zip"), home)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_zip(model: Checkpoint, tmp_path: Path, home: Path, share: float) -> None:
    path = zip_of(files_of(model.folder, "model/"), tmp_path / "model.zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "model.zip is damaged, or no zip" in refused(path, home)


def test_a_zip_that_unpacks_to_too_much(
    model: Checkpoint, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cut.library.unpacking.MOST_BYTES", 1000)
    path = zip_of(files_of(model.folder, ""), tmp_path / "model.zip")
    assert "model.zip would unpack to" in refused(path, home)


def test_a_pth_that_is_a_bomb(tmp_path: Path, home: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"model.1.weight": torch.zeros(5_000_000)}, buffer)
    path = tmp_path / "bomb_net_G.pth"
    with (
        zipfile.ZipFile(buffer) as stored,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for info in stored.infolist():
            packed.writestr(info.filename, stored.read(info))
    assert "as a zip bomb does" in refused(path, home)


def test_a_pth_whose_numbers_are_few(tmp_path: Path, home: Path) -> None:
    state = ResnetGenerator(4, 1).state_dict()
    state["model.1.weight"] = torch.zeros(1).expand(10**6, 3, 7, 7)
    torch.save(state, tmp_path / "strides.pth")
    assert "claims more weights than are in the file" in refused(tmp_path / "strides.pth", home)


def test_other_files(tmp_path: Path, home: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    assert "a .pth, a folder or a .zip" in refused(tmp_path / "model.bin", home)
    assert "no file or folder" in refused(tmp_path / "nothing.zip", home)


def test_a_name_that_is_taken(model: Checkpoint) -> None:
    import_model(model.folder, "mine", terms="one")
    with pytest.raises(CutError, match="there is a checkpoint 'mine' already"):
        import_model(model.folder, "mine", terms="two")
    assert find("mine").terms == "one"
    import_model(model.folder, "mine", terms="two", overwrite=True)
    assert find("mine").terms == "two"


def test_a_free_name(model: Checkpoint) -> None:
    assert free_name("My Zebra (1).zip") == "My-Zebra--1-.zip"
    import_model(model.folder, "mine")
    assert free_name("mine") == "mine-2"
    assert free_name("…") == "model"
