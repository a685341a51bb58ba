"""What stands behind the endpoints and pages, without a server."""

from pathlib import Path

import pytest

from cut.checkpoints import read_checkpoint
from cut.errors import CutError
from cut.library import speed
from cut.translate import load
from cut.web import api, gradio_pages
from tests.helpers import make_checkpoint, make_picture


def test_without_checkpoints_and_with_awkward_names_the_pages_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr("cut.checkpoints.BUNDLED", tmp_path / "none")
    assert [page[0] for page in gradio_pages.build().pages] == ["", "correspond", "live", "train"]
    for name in ("config", "correspond", "train_stop", "v1.2_a-b"):  # taken but for the last one
        make_checkpoint(tmp_path / "checkpoints" / name, ngf=4, blocks=2)
    blocks = gradio_pages.build()
    assert [page[0] for page in blocks.pages] == ["", "correspond", "live", "train", "v1.2_a-b"]
    endpoints = blocks.get_api_info()["named_endpoints"]
    training = {"/train_start", "/train_watch", "/train_stop", "/train_fetch"}
    assert set(endpoints) == {"/translate", "/checkpoints", "/correspond", "/v1.2_a-b"} | training


def test_the_list_tells_terms_size_and_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr("cut.checkpoints.BUNDLED", tmp_path / "none")
    models = [make_checkpoint(tmp_path / "checkpoints" / name, ngf=4) for name in ("a", "b", "c")]
    config = models[0].folder / "config.json"
    config.write_text(config.read_text().replace('"terms": ""', '"terms": "CC0 1.0"'))
    (models[2].folder / "config.json").write_text('{"format": 1, "data": "damaged"}')
    speed.remember(models[1], speed.Speed(0.5, 256, "fp32", "Abacus"))
    a, b = api.list_checkpoints()
    assert (a["terms"], a["speed"]) == ("CC0 1.0", None)
    assert (b["terms"], b["bytes"]) == ("", models[1].size_bytes)
    assert b["speed"] == {"seconds": 0.5, "size": 256, "precision": "fp32", "machine": "Abacus"}


def test_a_result_that_cannot_be_kept_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("where a folder is expected")
    monkeypatch.setattr(api, "get_upload_folder", lambda: str(tmp_path / "file"))
    with pytest.raises(CutError, match="could not keep the result: Not a directory"):
        api.store(b"content", "name.png")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *((None, "auto"), ("", "auto"), ("Auto", "auto"), ("native", "native")),
        *((512, 512), ("512", 512), ("512 px", 512), (512.0, 512)),
    ],
)
def test_sizes_are_understood(value: object, meant: object) -> None:
    assert api.parse_size(value) == meant


@pytest.mark.parametrize("value", [0, -7, "inf", "nan", [], "huge"])
def test_other_sizes_are_refused(value: object) -> None:
    with pytest.raises(CutError, match="give a short side in pixels"):
        api.parse_size(value)


def test_a_large_picture_needs_no_smaller_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(tmp_path / "checkpoints" / "small", ngf=4, blocks=2)
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    translator = load(str(read_checkpoint(tmp_path / "checkpoints" / "small").folder))
    limit = translator.estimate_bytes(320, 240)
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", repr(limit / 1e9))
    path = tmp_path / "large.png"
    make_picture(640, 480).save(path)
    done = api.translate_file(str(path), "small", size="native")
    assert done.after.size == (640, 480)
    assert "Translated at its own size, 640 × 480" in done.note
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "0.001")
    with pytest.raises(CutError, match="need at least"):
        api.translate_file(str(path), "small", size="native")


def test_a_fault_of_the_server_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api, "translate_file", broken)
    with pytest.raises(api.gr.Error) as told:
        api.translate("x", "y")
    assert "secret" not in told.value.message
    assert "secret detail" in caplog.text
