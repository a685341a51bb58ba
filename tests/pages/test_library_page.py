"""The page Library: cards, a card opened, and what an address or a damaged model does to it."""

import json
from pathlib import Path

import pytest

import cut.checkpoints
from cut.checkpoints import Checkpoint, find, read_checkpoint
from cut.errors import CutError
from cut.library import speed
from cut.library.speed import Speed
from cut.web.library import telling
from cut.web.library.telling import readable
from tests.helpers import make_checkpoint
from tests.pages.library_pages import SCORE, OpenLibrary, furnish, links, told
from tests.pages.train_pages import errors, labels, texts


@pytest.fixture
def bundled(home: Path) -> str:
    """The name of a bundled checkpoint with pictures and a card."""
    folder = cut.checkpoints.BUNDLED / "horses"
    make_checkpoint(folder, ngf=4, blocks=6)
    data = {"name": "meadow", "terms": "CC0 1.0 <b>"}
    furnish(
        folder,
        title="Horse *to* zebra",
        summary="Stripes.",
        score=SCORE,
        data=data,
        steps=1200,
        hours=1.5,
    )
    return folder.name


def test_every_model_has_a_card(open_library: OpenLibrary, bundled: str) -> None:
    page = open_library()
    assert errors(page) == []
    assert [title.value for title in page.subheader] == [
        "Added here",
        "Bundled with the application",
    ]
    first, _, horses = told(page)
    assert first["Score"] == first["Speed"] == "not measured"
    assert first["Terms"] == "not stated"
    assert first["Method"] == "CUT"
    assert first["Added"] == "just now"
    assert horses["Score"].startswith(
        "KID-lite0 0.125 (0.100 to 0.150); doing nothing scores 0.250"
    )
    assert horses["Terms"] == "CC0 1.0 <b>"
    assert horses["Size"] == f"{find(bundled).size_bytes / 1e6:.1f} MB"
    assert horses["Added"] == "comes with the application"
    assert "Horse \\*to\\* zebra" in texts(page)
    assert len(page.get("image")) == 1
    assert links(page)[-2:] == [
        ("Use it on Translate", "", "checkpoint=horses"),
        ("See its patches", "patches", "checkpoint=horses"),
    ]
    page.button(key="library_open_horses").click().run()
    assert page.query_params["model"] in ("horses", ["horses"])
    assert len(told(page)) == 1
    page.button(key="library_all").click().run()
    assert "model" not in page.query_params
    assert len(told(page)) == 3


def test_a_speed_is_told_once_it_was_measured(open_library: OpenLibrary) -> None:
    speed.remember(find("first"), Speed(0.1234, 256, "fp32", "Abacus 3000, 1 thread"))
    second, first = told(open_library())  # the newest comes first
    assert first["Speed"] == "0.12 s a picture of 256 × 256 px"
    assert second["Speed"] == "not measured"
    (opened,) = told(open_library(model="first"))
    assert opened["Speed"].endswith("px, in fp32, on Abacus 3000, 1 thread")


def test_a_card_opens_to_all_pictures_and_the_model_card(
    open_library: OpenLibrary, bundled: str
) -> None:
    page = open_library(model=bundled)
    assert errors(page) == []
    assert [title.value for title in page.title] == ["Horse \\*to\\* zebra"]
    captions = [image.proto.imgs[0].caption for image in page.get("image")]
    assert captions == ["B", "A"]  # the one that the model card shows comes first
    (facts,) = told(page)
    assert facts["Name"] == bundled
    assert facts["Method"] == "CUT; ResNet, 4 channels wide, 6 blocks"
    assert facts["Trained"] == "meadow, 1,200 steps, 1 h 30 min"
    assert "What it does." in texts(page)
    assert "![" not in texts(page)


def test_an_unknown_model_is_told_in_a_line_above_the_others(open_library: OpenLibrary) -> None:
    page = open_library(model="](http://x)")
    (error,) = errors(page)
    assert "There is no model" in error
    assert "](" not in error.replace("\\", "") or "\\]" in error
    assert len(told(page)) == 2


def test_a_damaged_config_is_told_on_its_card_alone(open_library: OpenLibrary, home: Path) -> None:
    folder = home / "checkpoints" / "second"
    whole = json.loads((folder / "config.json").read_text())
    for fault in ({"score": [1]}, {"data": "x"}, {"generator": {"kind": 1}}, {"steps": "many"}):
        (folder / "config.json").write_text(json.dumps(whole | fault))
        with pytest.raises(CutError):
            readable(read_checkpoint(folder))
    page = open_library()
    assert errors(page) == ["config.json: steps should be a number."]
    assert len(told(page)) == 1
    assert errors(open_library(model="second")) == ["config.json: steps should be a number."]


@pytest.mark.parametrize(
    ("gone", "shown"),
    [
        ("generator", "The weights of first are gone."),
        ("patch_heads", "The files of first cannot be read: No such file or directory."),
    ],
)
def test_files_that_go_while_a_card_is_drawn_are_told_in_a_line(
    open_library: OpenLibrary, monkeypatch: pytest.MonkeyPatch, gone: str, shown: str
) -> None:
    speed.remember(find("first"), Speed(0.1, 256, "fp32", "Abacus 3000"))

    def lose(checkpoint: Checkpoint) -> Checkpoint:
        checkpoint.files[gone].unlink()
        return readable(checkpoint)

    monkeypatch.setattr(telling, "readable", lose)
    page = open_library(model="first")
    assert errors(page) == [shown]
    assert {"All models", "Remove for good"} <= set(labels(page))
    assert told(page) == []


def test_an_empty_library_says_what_to_do(open_library: OpenLibrary, home: Path) -> None:
    for name in ("first", "second"):
        (home / "checkpoints" / name / "config.json").unlink()
    page = open_library()
    (info,) = page.info
    assert info.value.startswith("There is no model yet: train one, or bring one")
    assert ("Train one", "train", "") in links(page)
