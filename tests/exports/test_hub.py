"""A folder for the Hugging Face Hub: loaded by its own library, and taken back into ours."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from cut.checkpoints import Checkpoint, read_checkpoint
from cut.cli import main
from cut.device import Placement
from cut.errors import CutError
from cut.exports.hub import HubModel, export_hub, licence_of
from cut.library.imports import import_model
from cut.translate import Translator
from tests.helpers import make_checkpoint


def make(folder: Path, terms: str = "AFHQ: CC BY-NC 4.0", heads: bool = True) -> Checkpoint:
    made = make_checkpoint(folder, ngf=4, blocks=2, heads=heads)
    score = {"metric": "kid-lite0", "value": 0.1, "doing_nothing": 0.2, "images": 9, "size": 256}
    values = made.config | {"data": {"name": "afhq", "terms": terms}, "score": score}
    (made.folder / "config.json").write_text(json.dumps(values))
    (made.folder / "README.md").write_text("# Card\n\n![one](samples/one.jpg)\n")
    (made.folder / "samples").mkdir()
    Image.new("RGB", (72, 32)).save(made.folder / "samples" / "one.jpg")
    return read_checkpoint(made.folder)


@pytest.fixture
def model(tmp_path: Path) -> Checkpoint:
    return make(tmp_path / "model")


@pytest.mark.parametrize("heads", [True, False])
def test_loaded_it_translates_as_before(tmp_path: Path, heads: bool) -> None:
    model = make(tmp_path / "model", heads=heads)
    folder = export_hub(model, tmp_path / "hub")
    loaded = HubModel.from_pretrained(folder)
    picture = torch.rand(1, 3, 30, 41) * 2 - 1
    expected = Translator(model, Placement(torch.device("cpu"))).run(picture)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(picture), expected, atol=1e-5, rtol=0)
    loaded.save_pretrained(tmp_path / "again")
    again = HubModel.from_pretrained(tmp_path / "again")
    for key, value in loaded.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
    card = ModelCard.load(tmp_path / "again" / "README.md").data
    assert (card.license, card.pipeline_tag) == ("cc-by-nc-4.0", "image-to-image")


def test_the_card_has_what_the_hub_sorts_by(model: Checkpoint, tmp_path: Path) -> None:
    folder = export_hub(model, tmp_path / "hub")
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-nc-4.0"
    assert card.data.library_name == "cut"
    assert card.data.pipeline_tag == "image-to-image"
    assert "unpaired-image-translation" in card.data.tags
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("kid-lite0", 0.1)
    assert "![one](samples/one.jpg)" in card.text
    assert (folder / "samples" / "one.jpg").is_file()


def test_it_comes_back_into_the_library(model: Checkpoint, tmp_path: Path) -> None:
    export_hub(model, tmp_path / "hub")
    back = import_model(tmp_path / "hub", "back").checkpoint
    assert back.config["settings"] == model.config["settings"]
    for part in ("generator", "patch_heads"):
        for key, value in model.weights(part).items():
            assert torch.equal(back.weights(part)[key], value)


@pytest.mark.parametrize(
    ("terms", "licence"),
    [
        ("AFHQ: CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("cats: CC BY-NC 4.0; dogs: CC BY-NC 4.0;", "cc-by-nc-4.0"),
        ("cats: CC BY-NC 4.0; dogs: CC0 1.0", "other"),
        ("cats: CC BY-NC 4.0; begun with a model for research", "other"),
        ("cats CC0 1.0, dogs CC BY-NC 4.0", "other"),
        ("photos: CC BY 2.0.", "cc-by-2.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("MIT licence", "mit"),
        ("ADMITTED for research", "other"),
        ("ImageNet subset: non-commercial research", "other"),
    ],
)
def test_terms_and_what_the_hub_calls_them(tmp_path: Path, terms: str, licence: str) -> None:
    assert licence_of(make(tmp_path / "model", terms)) == licence


def test_without_terms_a_licence_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "model", terms="")
    export = ["checkpoints", "export", str(tmp_path / "model"), "--format", "hub", "--output"]
    assert main([*export, str(tmp_path / "hub")]) == 2
    assert "the Hub asks for a licence: name one (--licence" in capsys.readouterr().err
    assert not (tmp_path / "hub").exists()
    assert main([*export, str(tmp_path / "hub"), "--licence", "other"]) == 0
    card = ModelCard.load(tmp_path / "hub" / "README.md").data
    assert (card.license, card.to_dict()["license_name"]) == ("other", "terms-of-the-data")
    with pytest.raises(CutError, match="is there already"):
        export_hub(read_checkpoint(tmp_path / "model"), tmp_path / "hub", "mit")


def test_what_it_replaces(model: Checkpoint, tmp_path: Path) -> None:
    """A folder of an earlier export, and nothing that somebody else would miss."""
    hub = export_hub(model, tmp_path / "hub")
    (hub / "samples" / "two.jpg").touch()
    export_hub(model, hub, overwrite=True)
    assert not (hub / "samples" / "two.jpg").exists()
    (hub / "thesis.txt").write_text("years of work")
    with pytest.raises(CutError, match=r"holds something else \(thesis.txt\), and is not replaced"):
        export_hub(model, hub, overwrite=True)
    assert (hub / "thesis.txt").read_text() == "years of work"
    with pytest.raises(CutError, match="something else"):
        export_hub(model, hub / "thesis.txt", overwrite=True)


def test_the_folder_one_is_in(
    model: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_hub(model, Path(), overwrite=True)
    assert (tmp_path / "here" / "model.safetensors").is_file()


def test_a_licence_that_the_hub_has_not(model: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(CutError, match="licence 'what ever: x': the Hub's names have"):
        export_hub(model, tmp_path / "hub", "what ever: x")


def test_its_card_without_what_is_not_there(model: Checkpoint, tmp_path: Path) -> None:
    """Neither links to the cards beside it, nor the metadata of an earlier export."""
    card = model.folder / "README.md"
    card.write_text("---\nlicense: mit\n---\n# Card\n\nFrom [`horse`](../horse/README.md).\n")
    text = (export_hub(model, tmp_path / "hub") / "README.md").read_text()
    assert "From `horse`." in text and "license: mit" not in text and text.count("---\n") == 2
    assert import_model(tmp_path / "hub", "back").checkpoint.card.startswith("\n# ")
