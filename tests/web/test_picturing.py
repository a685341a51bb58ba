"""Pictures made for a model that has none, while its name passes to another."""

from pathlib import Path

import pytest
from PIL import Image

import cut.checkpoints
from cut.errors import CutError
from cut.library.store import sample_files
from cut.web.library import picturing
from tests.helpers import make_checkpoint


def test_a_model_that_took_the_place_of_another_gets_none_of_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr(cut.checkpoints, "BUNDLED", tmp_path / "bundled")
    folder = tmp_path / "checkpoints" / "model"
    model = make_checkpoint(folder, ngf=4, heads=False)
    translated: list[int] = []

    def translate(_: str, picture: Image.Image, **options: object) -> tuple[Image.Image, float]:
        translated.append(len(sample_files(folder)))
        if len(translated) == 2:
            make_checkpoint(folder, ngf=4, heads=False)
        return picture, 0.1

    monkeypatch.setattr(picturing, "translate_in_line", translate)
    with pytest.raises(CutError, match="model was replaced meanwhile"):
        picturing.make_samples(model, lambda *_: None)
    assert translated == [0, 1], "the first picture was kept, and the second was the last"
    assert sample_files(folder) == []
    model.files["generator"].unlink()
    with pytest.raises(CutError, match="the weights of model are gone"):
        picturing.make_samples(model, lambda *_: None)
