"""Models in the authors' format: in and out without renaming, and nothing that runs code."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cut.checkpoints import find
from cut.data.folders import to_tensor
from cut.errors import CutError
from cut.library.imports import import_model
from cut.networks.patch_heads import PatchHeads
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.resnet import ResnetGenerator
from cut.published import export_published, read_pickle
from cut.translate import load
from tests.helpers import make_checkpoint, make_picture
from tests.published_flow import PublishedFlow


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def publish(folder: Path, prefix: str = "", parts: str = "GFD", **settings) -> dict[str, Tensor]:
    """Write files as the authors' code does and return the generator's state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    generator = ResnetGenerator(**({"ngf": 4, "blocks": 6} | settings))
    layers = (0, 4, 8, 12, 16)
    networks = {
        "G": generator,
        "F": PatchHeads([grid.channels for grid in generator.grids(layers)]),
        "D": PatchDiscriminator(4),
    }
    for part in parts:
        state = {prefix + key: value for key, value in networks[part].state_dict().items()}
        torch.save(state, folder / f"latest_net_{part}.pth")
    return generator.state_dict()


@pytest.mark.parametrize("parts", ["G", "GF", "GFD"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_import_and_export_rename_nothing(tmp_path: Path, prefix: str, parts: str) -> None:
    source = tmp_path / "horse2zebra_cut_pretrained"
    publish(source, prefix, parts)
    model = import_model(source, "zebra").checkpoint
    assert find("zebra").folder == model.folder
    assert model.has_patch_heads is ("F" in parts)
    files = export_published(model, tmp_path / "out")
    assert sorted(path.name for path in files) == [f"latest_net_{p}.pth" for p in sorted(parts)]
    for path in files:
        original = torch.load(source / path.name, weights_only=True)
        exported = torch.load(path, weights_only=True)
        assert {prefix + key for key in exported} == set(original)
        for key, value in exported.items():
            assert torch.equal(value, original[prefix + key])


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("antialias_up", [True, False])
def test_a_file_tells_its_own_architecture(
    tmp_path: Path, antialias: bool, antialias_up: bool
) -> None:
    settings = {"ngf": 6, "blocks": 3, "antialias": antialias, "antialias_up": antialias_up}
    generator = ResnetGenerator(**settings)
    torch.save(generator.state_dict(), tmp_path / "mine.pth")
    model = load(tmp_path / "mine.pth", device="cpu", precision="fp32")
    assert model.generator.architecture == settings
    assert model.checkpoint.name == "mine"
    assert model.patch_heads is None
    picture = make_picture(32, 32)
    with torch.no_grad():
        expected = generator(to_tensor(picture)[None])[0][0]
    levels = ((expected + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(model(picture)) - levels).max() <= 1


@pytest.mark.parametrize("direct", [True, False])
def test_translates_to_the_same_pixels(tmp_path: Path, direct: bool) -> None:
    """At most 1/255 from the published flow in float64, imported or straight from the file."""
    state = publish(tmp_path / "published", "module.")
    flow = PublishedFlow({"G": state})
    picture = make_picture(64, 48)
    right = flow.generator(to_tensor(picture)[None].double())[0].detach()
    levels = ((right + 1) * 127.5).permute(1, 2, 0).numpy()
    name = tmp_path / "published" / "latest_net_G.pth"
    if not direct:
        name = import_model(tmp_path / "published", "imported").checkpoint.name
    ours = np.asarray(load(name, device="cpu", precision="fp32")(picture)).astype(float)
    assert ours.std() > 1, "a flat picture would prove nothing"
    assert np.abs(ours - levels).max() <= 1


def test_the_heads_beside_a_file_are_found(tmp_path: Path) -> None:
    publish(tmp_path / "model")
    model = load(tmp_path / "model" / "latest_net_G.pth", device="cpu", precision="fp32")
    assert model.checkpoint.name == "model"
    assert model.contrasted_layers == (0, 4, 8, 12, 16)
    assert model.patch_heads is not None


def test_heads_of_another_model_are_refused(tmp_path: Path) -> None:
    publish(tmp_path / "model", parts="G")
    torch.save(PatchHeads([3, 5]).state_dict(), tmp_path / "model" / "latest_net_F.pth")
    with pytest.raises(CutError, match=r"latest_net_F\.pth does not fit latest_net_G\.pth"):
        import_model(tmp_path / "model", "mixed")


def test_one_generator_of_several(tmp_path: Path) -> None:
    publish(tmp_path / "runs", parts="G")
    latest = tmp_path / "runs" / "latest_net_G.pth"
    for epoch in ("50", "100"):
        (tmp_path / "runs" / f"{epoch}_net_G.pth").write_bytes(latest.read_bytes())
    import_model(tmp_path / "runs", "latest")
    import_model(tmp_path / "runs" / "50_net_G.pth", "fifty")
    latest.unlink()
    with pytest.raises(CutError, match=r"2 generators in .*: name one of the files"):
        import_model(tmp_path / "runs", "which")


def test_buffers_of_older_norms_are_left_out(tmp_path: Path) -> None:
    state = publish(tmp_path / "model", parts="G")
    old = state | {"model.2.running_mean": torch.zeros(4), "model.2.running_var": torch.ones(4)}
    torch.save(old, tmp_path / "old.pth")
    assert read_pickle(tmp_path / "old.pth").keys() == state.keys()


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    state = {key: value.half() for key, value in publish(tmp_path / "model", parts="G").items()}
    torch.save(state, tmp_path / "half.pth")
    assert {value.dtype for value in read_pickle(tmp_path / "half.pth").values()} == {torch.float32}


def test_the_legacy_container(tmp_path: Path) -> None:
    state = publish(tmp_path / "model", parts="G")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert not (tmp_path / "old.pth").read_bytes().startswith(b"PK")
    for key, value in read_pickle(tmp_path / "old.pth").items():
        assert torch.equal(value, state[key])


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("container", ["zip", "legacy", "pickle"])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, container: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "latest_net_G.pth"
    state = publish(tmp_path / "model", parts="G") | {"bomb": Bomb(mark)}
    if container == "pickle":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=container == "zip")
    for attempt in (lambda: load(path), lambda: import_model(path, "bomb")):
        with pytest.raises(CutError, match=r"latest_net_G\.pth is refused") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert not mark.exists()
    # The bomb is live: without the guard it goes off.
    if container == "pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_line(tmp_path: Path, share: float, zipped: bool) -> None:
    state = publish(tmp_path / "model", parts="G")
    path = tmp_path / "cut.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CutError, match=r"cut\.pth") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"fc.weight": torch.zeros(3, 3)}, "not a CUT generator"),
        ({"model.1.weight": torch.zeros(4, 3, 7, 7)}, "not a CUT generator: model"),
        (PatchDiscriminator(4).state_dict(), "not a CUT generator"),
        ({"state_dict": {"a": torch.zeros(1)}}, "'state_dict' is no tensor"),
        (torch.zeros(3), "holds no state dict"),
        ({}, "holds no state dict"),
        ([1, 2], "holds no state dict"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, value: object, message: str) -> None:
    torch.save(value, tmp_path / "other.pth")
    with pytest.raises(CutError, match=message) as caught:
        load(tmp_path / "other.pth")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CutError, match=r"no file .*none\.pth"):
        load(tmp_path / "none.pth")
    with pytest.raises(CutError, match="nothing to import"):
        import_model(tmp_path, "nothing")


def test_exports_are_not_overwritten_unasked(tmp_path: Path) -> None:
    model = make_checkpoint(tmp_path / "model", ngf=4)
    export_published(model, tmp_path / "out")
    with pytest.raises(CutError, match="is there already: add --overwrite"):
        export_published(model, tmp_path / "out")
    assert len(export_published(model, tmp_path / "out", overwrite=True)) == 2
