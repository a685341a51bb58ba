"""The page Translate with several checkpoints side by side."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import cut
from cut.web.translating import Desk
from cut.web.widgets.packing import unpack_header
from cut.web.widgets.side_by_side import comparison_sheet
from tests.helpers import make_checkpoint
from tests.pages.translate_pages import OpenPage, errors, session_of


@pytest.fixture
def five(home: Path) -> list[str]:
    """The names of five checkpoints."""
    for name in ("third", "fourth", "fifth"):
        make_checkpoint(home / "checkpoints" / name, ngf=4, blocks=6)
    return ["first", "second", "third", "fourth", "fifth"]


def shown(page: AppTest) -> dict[str, dict[str, Any]]:
    """What stands side by side, in order: checkpoint's name and what its picture was given."""
    assert not page.exception, page.exception
    found = [
        unpack_header(element.proto.bytes)
        for element in page.get("bidi_component")
        if "-aligned-" in element.proto.id
    ]
    return {header["name"]: header for header in found}


def address(page: AppTest, name: str) -> str | None:
    value = page.query_params.get(name)
    return value if isinstance(value, str) or value is None else value[-1]


def test_the_switch_sets_a_second_checkpoint_beside_the_first(open_page: OpenPage) -> None:
    page = open_page(checkpoint="second")
    assert shown(page) == {}
    page.toggle(key="comparing").set_value(True).run()
    pictures = shown(page)
    assert list(pictures) == ["second", "first"]
    assert {header["state"] for header in pictures.values()} == {"done"}
    assert len({header["group"] for header in pictures.values()}) == 1  # they move as one
    assert address(page, "compare") == "second,first"
    labels = [button.label for button in page.get("download_button")]
    assert labels == ["Download PNG", "Download PNG", "Download the comparison as one picture"]
    captions = [caption.value for caption in page.caption]
    assert sum(" s." in caption and "Translated at" in caption for caption in captions) == 2
    page.toggle(key="comparing").set_value(False).run()
    assert shown(page) == {}
    assert page.selectbox(key="checkpoint_choice").value == "second"
    assert address(page, "compare") is None


def test_the_address_keeps_the_checkpoints_and_their_order(
    open_page: OpenPage, five: list[str]
) -> None:
    page = open_page(compare="third,first,second,fourth", example="cat")
    assert list(shown(page)) == ["third", "first", "second", "fourth"]
    assert session_of(page).source.example == "cat"
    assert errors(page) == []
    page.multiselect(key="compared").set_value(["first", "fifth"]).run()
    assert list(shown(page)) == ["first", "fifth"]
    assert address(page, "compare") == "first,fifth"
    assert address(page, "checkpoint") == "first"
    page.multiselect(key="compared").set_value([]).run()
    assert [info.value for info in page.info] == ["Choose the checkpoints to compare."]


def test_the_address_may_name_each_by_itself(open_page: OpenPage) -> None:
    page = open_page(compare=["second", "first"])
    assert list(shown(page)) == ["second", "first"]
    assert address(page, "compare") == "second,first"


def test_a_link_to_one_checkpoint_ends_the_comparison(open_page: OpenPage) -> None:
    page = open_page(compare="first,second")
    assert list(shown(page)) == ["first", "second"]
    page.switch_page("library.py").run()
    page.query_params.clear()
    page.query_params["checkpoint"] = "first"
    page.switch_page("translate.py").run()
    assert shown(page) == {}
    assert page.selectbox(key="checkpoint_choice").value == "first"


def test_one_that_fails_does_not_lose_the_others(open_page: OpenPage, home: Path) -> None:
    make_checkpoint(home / "checkpoints" / "third", ngf=4, blocks=6)
    weights = home / "checkpoints" / "second" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    page = open_page(compare="first,second,third")
    states = {name: header["state"] for name, header in shown(page).items()}
    assert states == {"first": "done", "second": "failed", "third": "done"}
    (error,) = errors(page)
    assert "damaged" in error
    assert "\n" not in error
    # The comparison that is taken home says so, too, in that picture's place.
    session = session_of(page)
    checkpoints = [cut.checkpoints.find(name) for name in ("first", "second", "third")]
    found = [Desk(session, checkpoint, "auto").find(session.source) for checkpoint in checkpoints]
    data = comparison_sheet(session.source, checkpoints, found, {"second": error}, 1.0)
    sheet = np.asarray(Image.open(io.BytesIO(data)), int)
    grey = (abs(sheet - 236) < 3).all(2).mean()
    assert 0.1 < grey < 0.3  # a quarter of the sheet, less its margins


def test_all_that_an_address_names_wrongly_is_told(open_page: OpenPage) -> None:
    page = open_page(checkpoint="nobody", example="unicorn", compare="first,dog2cat,second")
    (told,) = errors(page)
    assert [name for name in ("'nobody'", "'unicorn'", "'dog2cat'") if name in told] == [
        "'nobody'",
        "'unicorn'",
        "'dog2cat'",
    ]
    assert len(told.splitlines()) == 3
    assert list(shown(page)) == ["first", "second"]


def test_unknown_and_too_many_are_told_in_a_line(open_page: OpenPage, five: list[str]) -> None:
    page = open_page(compare="first,dog2cat,second")
    (error,) = errors(page)
    assert "'dog2cat'" in error
    assert list(shown(page)) == ["first", "second"]
    page = open_page(compare=",".join(five))
    (error,) = errors(page)
    assert "At most 4" in error
    assert list(shown(page)) == five[:4]
    page = open_page(compare="dog2cat")
    assert shown(page) == {}
    assert len(errors(page)) == 1


def test_strength_holds_for_all(open_page: OpenPage) -> None:
    page = open_page(compare="first,second")
    page.slider(key="strength").set_value(40).run()
    assert [header["strength"] for header in shown(page).values()] == [0.4, 0.4]
