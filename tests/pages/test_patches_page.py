"""The page Patches: what is drawn, what the address says, and what bad input is told."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import cut
from cut.correspondence import correspond
from cut.web import patch_store
from cut.web.patch_ahead import Ahead
from cut.web.patch_store import PatchStore
from cut.web.session import Session
from cut.web.widgets.packing import unpack_header
from tests.correspondences import noisy_picture

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "patches.py")
OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one computed."""
    monkeypatch.setattr(patch_store, "STORE", PatchStore())


@pytest.fixture
def open_patches(open_page: OpenPage) -> OpenPage:
    """Return a function that opens the page at an address."""

    def open_at(**address: Any) -> AppTest:
        page = open_page().switch_page(PAGE)
        page.query_params.clear()
        for name, value in address.items():
            page.query_params[name] = value
        return page.run()

    return open_at


def upload(page: AppTest, picture: Image.Image, name: str = "mine.png") -> AppTest:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    page.file_uploader[0].set_value([(name, buffer.getvalue(), "image/png")])
    return page.run()


def drawn(page: AppTest) -> dict[str, dict[str, Any]]:
    """The headers of the patch views on the page, by key."""
    found = {}
    for element in page.get("bidi_component"):
        key = element.proto.id.rsplit("-", 1)[-1]
        if key.startswith("patch_view"):
            found[key] = unpack_header(element.proto.bytes)
    return found


def errors(page: AppTest) -> list[str]:
    assert not page.exception, page.exception
    return [error.value for error in page.error]


def address(page: AppTest) -> dict[str, list[str]]:
    values = dict(page.query_params)
    return {name: value if isinstance(value, list) else [value] for name, value in values.items()}


def session_of(page: AppTest) -> Session:
    session: Session = page.session_state["cut"]
    return session


def test_the_first_visit_shows_an_example(open_patches: OpenPage) -> None:
    page = open_patches()
    assert errors(page) == []
    header = drawn(page)["patch_view"]
    assert header["checkpoint"] == "first"
    assert header["picture"] == list(Image.open(io.BytesIO(session_of(page).source.data)).size)
    assert [layer["number"] for layer in header["layers"]] == [0, 4, 8, 12, 16]
    assert header["opening"]["pins"] == []
    text = " ".join(markdown.value for markdown in page.markdown)
    assert all(word in text for word in ("**positive**", "**Negatives**", "**The number**"))
    assert page.get("expander")[0].label == "The formula"
    assert any("CC BY-SA" in caption.value for caption in page.caption)
    labels = [button.label for button in page.get("download_button")]
    assert labels == ["Figure, PNG", "Figure, SVG", "Figure, PDF", "Arrays, npz"]


def test_picture_and_checkpoint_come_along_from_translate(open_page: OpenPage) -> None:
    page = upload(open_page(checkpoint="second"), noisy_picture(90, 60))
    page = page.switch_page(PAGE).run()
    assert errors(page) == []
    header = drawn(page)["patch_view"]
    assert (header["checkpoint"], header["picture"]) == ("second", [90, 60])


def test_the_view_of_a_translated_picture_is_computed_ahead(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = Ahead()
    monkeypatch.setattr("cut.web.patch_ahead.begin", ahead.begin)
    page = upload(open_page(checkpoint="second"), noisy_picture(90, 60))
    ahead.join()
    monkeypatch.setattr("cut.correspondence.correspond", None)
    page = page.switch_page(PAGE).run()
    assert errors(page) == []
    assert drawn(page)["patch_view"]["picture"] == [90, 60]


def test_the_address_reproduces_the_view(open_patches: OpenPage) -> None:
    asked = {
        "checkpoint": ["second"], "example": ["cat"], "layer": ["8"], "map": ["negatives"],
        "negatives": ["all"], "apart": ["12"], "opacity": ["35"], "size": ["384"],
        "pin": ["30,40", "200,100,input"], "compare": ["first"],
    }  # fmt: skip
    page = open_patches(**asked)
    assert errors(page) == []
    assert address(page) == asked
    views = drawn(page)
    shown = ["", "_1", "_layers_0", "_layers_1", "_maps_0", "_maps_1"]
    assert list(views) == [f"patch_view{name}" for name in shown]
    first, second = views["patch_view"], views["patch_view_1"]
    assert (first["title"], second["title"]) == ("second", "first")
    assert min(first["working"]) == 384
    opening = {name: value for name, value in first["opening"].items() if name != "serial"}
    assert opening == {
        "layer": 8, "show": "negatives", "negatives": "all", "apart": 12, "opacity": 35,
        "pins": [{"x": 30, "y": 40, "side": "output"}, {"x": 200, "y": 100, "side": "input"}],
    }  # fmt: skip
    assert "opening" not in second
    assert views["patch_view_maps_1"]["id"] == second["id"]


def test_nothing_is_computed_or_sent_again_when_the_page_runs_again(
    open_patches: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_patches(example="cat", pin="30,40")
    before = [element.proto.bytes for element in page.get("bidi_component")]
    monkeypatch.setattr("cut.correspondence.correspond", None)
    page = page.run()
    assert errors(page) == []
    assert [element.proto.bytes for element in page.get("bidi_component")] == before


def test_another_picture_drops_the_places_that_were_held(open_patches: OpenPage) -> None:
    page = open_patches(example="cat", pin="30,40")
    page = upload(page, noisy_picture(90, 60))
    assert errors(page) == []
    assert drawn(page)["patch_view"]["opening"]["pins"] == []
    assert "pin" not in address(page)
    assert "example" not in address(page)


def test_two_checkpoints_are_compared_on_one_picture(open_patches: OpenPage) -> None:
    page = open_patches(checkpoint="first")
    assert list(drawn(page)) == ["patch_view", "patch_view_layers_0"]
    page.selectbox(key="patches_compare").set_value("second").run()
    views = drawn(page)
    assert (views["patch_view"]["title"], views["patch_view_1"]["title"]) == ("first", "second")
    assert address(page)["compare"] == ["second"]
    page.selectbox(key="patches_checkpoint").set_value("second").run()
    assert list(drawn(page)) == ["patch_view", "patch_view_layers_0"]
    assert "compare" not in address(page)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"layer": "5"}, "choose from 0, 4, 8, 12, 16"),
        ({"layer": "x"}, "layer=x"),
        ({"pin": "99999,3"}, "outside the picture"),
        ({"pin": "-1,3"}, "outside the picture"),
        ({"pin": "here"}, "pin=x,y"),
        ({"map": "heat"}, "similarity, negatives"),
        ({"size": "300"}, "256, 384, 512"),
        ({"compare": "dog2cat"}, "first, second"),
        ({"checkpoint": "dog2cat"}, "first, second"),
        ({"example": "unicorn"}, "chestnut_horse"),
    ],
)
def test_a_bad_address_is_told_in_one_line_beside_a_view(
    open_patches: OpenPage, asked: dict[str, str], told: str
) -> None:
    page = open_patches(**asked)
    (error,) = errors(page)
    assert told in error
    assert "\n" not in error
    assert "patch_view" in drawn(page)
    for name, value in asked.items():
        assert value not in address(page).get(name, [])


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (Image.new("RGB", (90, 60), (120, 90, 40)), "all patches of this picture look the same"),
        (Image.new("RGB", (500, 50)), "four times"),
    ],
    ids=["one colour", "narrow"],
)
def test_a_picture_with_nothing_to_see_is_told_in_one_line(
    open_patches: OpenPage, picture: Image.Image, told: str
) -> None:
    page = upload(open_patches(), picture)
    (error,) = errors(page)
    assert told in error
    assert "\n" not in error
    assert drawn(page) == {}


def test_a_broken_file_is_told_and_the_view_stays(open_patches: OpenPage) -> None:
    page = open_patches()
    page.file_uploader[0].set_value([("notes.jpg", b"not a picture", "image/jpeg")])
    page.run()
    (error,) = errors(page)
    assert "notes.jpg is not a picture" in error
    assert "patch_view" in drawn(page)


def test_a_model_without_heads_says_so_in_one_line(open_patches: OpenPage, home: Path) -> None:
    (home / "checkpoints" / "second" / "patch_heads.safetensors").unlink()
    page = open_patches(checkpoint="second")
    assert errors(page) == []
    assert drawn(page)["patch_view"]["has_heads"] is False
    (info,) = page.info
    assert "no patch heads" in info.value
    assert "\n" not in info.value


def test_the_arrays_are_those_of_the_engine(open_patches: OpenPage, home: Path) -> None:
    page = upload(open_patches(), noisy_picture(90, 60))
    source = session_of(page).source
    checkpoint = cut.checkpoints.find("first")
    entry = patch_store.find(source, checkpoint, 256)
    assert entry is not None
    arrays = np.load(io.BytesIO(entry.view.to_npz_bytes()))
    expected = correspond(cut.load(home / "checkpoints" / "first"), noisy_picture(90, 60))
    assert np.abs(arrays["layer8_loss"] - expected.layer(8).loss_map()).max() < 1e-3


def test_a_fault_of_ours_leaves_no_trace_on_the_page(
    open_patches: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("cut.correspondence.correspond", fail)
    (error,) = errors(open_patches())
    assert "chestnut_horse.jpg" in error
    assert "secret" not in error


def test_without_a_checkpoint_the_page_says_what_to_do(
    tmp_path: Path, open_patches: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "empty"))
    (error,) = errors(open_patches())
    assert "page Library" in error
