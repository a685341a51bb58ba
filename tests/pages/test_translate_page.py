"""The page Translate, from the first visit to a zip file."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageChops
from streamlit.testing.v1 import AppTest

import cut
from cut.web import translating
from cut.web.results import Result, zip_bytes
from cut.web.session import Session
from cut.web.translating import Desk
from cut.web.widgets.packing import unpack_header
from tests.helpers import make_picture
from tests.pages.conftest import PATIENCE
from tests.pages.translate_pages import OpenPage, errors, file, session_of, upload

BROKEN = ("notes.jpg", b"not a picture at all", "image/jpeg")


def components(page: AppTest) -> dict[str, dict[str, Any]]:
    """The headers of what our components were given, by the component's key."""
    found = {}
    for element in page.get("bidi_component"):
        key = element.proto.id.rsplit("-", 1)[-1]
        found[key] = unpack_header(element.proto.bytes)
    return found


def buttons(page: AppTest) -> list[str]:
    return [button.label for button in page.get("download_button")]


def address(page: AppTest) -> dict[str, str]:
    """The query of the page's address, whether this test wrote it or the page did."""
    values = dict(page.query_params)
    return {name: value if isinstance(value, str) else value[-1] for name, value in values.items()}


def shown_result(page: AppTest, choice: Any = "auto") -> Result:
    session = session_of(page)
    checkpoint = cut.checkpoints.find(session.checkpoint)
    result = Desk(session, checkpoint, choice).find(session.source)
    assert result is not None
    return result


def test_the_first_visit_shows_an_example_translated(open_page: OpenPage) -> None:
    page = open_page()
    assert errors(page) == []
    assert session_of(page).source.example == "chestnut_horse"
    shown = components(page)
    assert (shown["compare"]["width"], shown["compare"]["height"]) == Image.open(
        io.BytesIO(session_of(page).source.data)
    ).size
    assert shown["examples"]["chosen"] == "chestnut_horse"
    assert buttons(page) == ["Download PNG"]
    captions = [caption.value for caption in page.caption]
    assert any("Example" in caption and "CC BY-SA" in caption for caption in captions)
    assert any(caption.startswith("Runs on ") for caption in captions)
    assert address(page) == {}  # else Back would lead here once more


def test_the_address_names_what_was_chosen(open_page: OpenPage) -> None:
    page = open_page()
    page.selectbox(key="checkpoint_choice").set_value("second").run()
    assert address(page) == {"checkpoint": "second"}
    page.selectbox(key="checkpoint_choice").set_value("first").run()
    assert address(page) == {"checkpoint": "first"}


def test_an_upload_is_translated_as_the_engine_does(open_page: OpenPage, home: Path) -> None:
    page = upload(open_page(), file("my horse.png", width=70, height=45))
    assert errors(page) == []
    png = shown_result(page).png(session_of(page).source)
    expected = cut.load(home / "checkpoints" / "first")(make_picture(70, 45))
    translated = Image.open(io.BytesIO(png))
    assert translated.size == (70, 45)
    assert ImageChops.difference(translated, expected).getbbox() is None
    assert np.abs(np.asarray(translated, int) - np.asarray(make_picture(70, 45), int)).max() > 8


def test_strength_mixes_without_translating_again(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = upload(open_page(), file("horse.png"))
    result = shown_result(page)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("translated again")

    monkeypatch.setattr(translating, "translate_in_line", refuse)
    page.slider(key="strength").set_value(25).run()
    assert errors(page) == []
    assert components(page)["compare"]["strength"] == 0.25
    source = session_of(page).source
    mixed = Image.open(io.BytesIO(result.png(source, 0.25)))
    full = Image.open(io.BytesIO(result.png(source)))
    assert ImageChops.difference(mixed, Image.blend(source.picture(), full, 0.25)).getbbox() is None
    assert ImageChops.difference(mixed, full).getbbox() is not None


def test_several_files_become_a_zip_and_bad_ones_are_named_and_counted(
    open_page: OpenPage,
) -> None:
    twin = file("horse.jpg", seed=2)
    page = upload(open_page(), file("horse.png", seed=1), BROKEN, twin, ("e.png", b"", "image/png"))
    (error,) = errors(page)
    assert "Skipped 2 of 4 files" in error
    assert "notes.jpg" in error
    assert "e.png" in error
    assert buttons(page) == ["Download PNG", "Download all 2 as a zip file"]
    assert [item["title"] for item in components(page)["pictures"]["items"]] == [
        "horse.png",
        "horse.jpg",
    ]
    session = session_of(page)
    desk = Desk(session, cut.checkpoints.find("first"), "auto")
    packed = zip_bytes([(source, desk.find(source)) for source in session.sources], "first")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["horse-first.png", "horse-first-2.png"]
        assert Image.open(archive.open("horse-first-2.png")).size == (64, 48)


def test_a_picture_added_later_is_the_one_shown(open_page: OpenPage) -> None:
    page = upload(open_page(), file("one.png", seed=1))
    page = upload(page, file("one.png", seed=1), file("two.png", seed=2))
    assert session_of(page).source.name == "two.png"
    assert len(session_of(page).sources) == 2


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (BROKEN, "notes.jpg is not a picture"),
        (("half.png", file("x.png")[1][:300], "image/png"), "half.png is damaged"),
        (file("dot.png", width=1, height=1), "dot.png has 1 x 1 pixels"),
        (("void.png", b"", "image/png"), "void.png is empty"),
    ],
    ids=["not a picture", "cut short", "1x1", "empty"],
)
def test_a_bad_file_is_told_in_one_line_and_the_result_stays(
    open_page: OpenPage, bad: tuple[str, bytes, str], told: str
) -> None:
    page = upload(open_page(), file("horse.png"))
    before = shown_result(page)
    page = upload(page, bad)
    (error,) = errors(page)
    assert told in error
    assert "\n" not in error
    assert session_of(page).source.name == "horse.png"
    assert shown_result(page) is before
    assert "Download PNG" in buttons(page)


def test_a_file_name_is_not_read_as_markdown(open_page: OpenPage) -> None:
    page = upload(open_page(), ("![x](http://example.org/x).png", b"no", "image/png"))
    (error,) = errors(page)
    assert "![x](" not in error


def test_taking_the_file_away_brings_the_example_back(open_page: OpenPage) -> None:
    page = upload(open_page(), file("horse.png"))
    page.file_uploader[0].set_value(None)
    page.run()
    assert errors(page) == []
    assert session_of(page).source.example == "chestnut_horse"


def test_the_address_chooses_checkpoint_and_example(open_page: OpenPage) -> None:
    page = open_page(checkpoint="second", example="cat")
    assert errors(page) == []
    assert page.selectbox(key="checkpoint_choice").value == "second"
    assert session_of(page).source.example == "cat"
    page.selectbox(key="checkpoint_choice").set_value("first").run()
    assert address(page)["checkpoint"] == "first"
    assert address(page)["example"] == "cat"
    page = upload(page, file("horse.png"))
    assert "example" not in address(page)


def test_an_unknown_address_is_told_and_the_page_still_works(open_page: OpenPage) -> None:
    page = open_page(checkpoint="dog2cat")
    (error,) = errors(page)
    assert "'dog2cat'" in error
    assert "first, second" in error
    assert buttons(page) == ["Download PNG"]
    (error,) = errors(open_page(example="unicorn"))
    assert "'unicorn'" in error
    assert "chestnut_horse" in error


def test_a_size_beyond_the_memory_of_one_piece_is_worked_at_all_the_same(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = upload(open_page(), file("large.png", width=600, height=500))
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "0.01")
    page.selectbox(key="working_size").set_value(384).run()
    assert errors(page) == []
    assert shown_result(page, 384).size == 384
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "0.001")
    page.selectbox(key="working_size").set_value(512).run()
    (error,) = errors(page)
    assert "need at least 0.0" in error


def test_picture_checkpoint_and_settings_stay_when_one_moves_between_pages(
    home: Path, tmp_path: Path
) -> None:
    pages = Path(__file__).resolve().parents[2] / "pages"
    (tmp_path / "other.py").write_text("import streamlit as st\nst.title('Other')\n")
    (tmp_path / "main.py").write_text(
        "import streamlit as st\n"
        f"st.navigation([st.Page({str(pages / 'translate.py')!r}, default=True), "
        f"st.Page({str(tmp_path / 'other.py')!r})]).run()\n"
    )
    page = AppTest.from_file(str(tmp_path / "main.py"), default_timeout=PATIENCE).run()
    page = upload(page, file("horse.png"))
    page.selectbox(key="checkpoint_choice").set_value("second").run()
    page.slider(key="strength").set_value(50).run()
    page.switch_page(str(tmp_path / "other.py")).run()
    assert [title.value for title in page.title] == ["Other"]
    page.query_params.clear()
    page.switch_page(str(pages / "translate.py")).run()
    assert errors(page) == []
    assert session_of(page).source.name == "horse.png"
    assert page.selectbox(key="checkpoint_choice").value == "second"
    assert components(page)["compare"]["strength"] == 0.5
    assert address(page)["checkpoint"] == "second"


def test_weights_that_vanish_are_told_in_one_line(open_page: OpenPage, home: Path) -> None:
    page = upload(open_page(checkpoint="first"), file("horse.png"))
    weights = home / "checkpoints" / "second" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    page.selectbox(key="checkpoint_choice").set_value("second").run()
    (error,) = errors(page)
    assert "damaged" in error
    page.selectbox(key="checkpoint_choice").set_value("first").run()
    assert errors(page) == []


def test_a_full_disk_is_told_in_one_line(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()

    def no_room(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cut.web.results.tempfile.TemporaryDirectory", no_room)
    page = upload(page, file("horse.png"))
    (error,) = errors(page)
    assert "No space left on device" in error
    monkeypatch.undo()


def test_a_fault_of_ours_leaves_no_trace_on_the_page(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(translating, "translate_in_line", fail)
    page = upload(page, file("horse.png"))
    (error,) = errors(page)
    assert "horse.png" in error
    assert "secret" not in error


def test_without_a_checkpoint_the_page_says_what_to_do(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "empty"))
    (error,) = errors(open_page())
    assert "page Library" in error


def test_who_brought_nothing_is_greeted_with_what_suits_the_model(
    open_page: OpenPage, home: Path
) -> None:
    config = home / "checkpoints" / "second" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"example": "castle"}))
    page = open_page(checkpoint="second")
    assert session_of(page).source.example == "castle"
    page.selectbox[0].set_value("first").run()
    assert session_of(page).source.example == "chestnut_horse"
    upload(page, file("mine.png"))
    page.selectbox[0].set_value("second").run()
    assert session_of(page).source.name == "mine.png", "what was brought stays"


def test_a_file_whose_reading_is_given_up_for_a_newer_run_is_read_by_that(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    take, runs = Session.take, []

    def given_up_at_first(self: Session, files: Any) -> None:
        runs.append(files)
        if len(runs) == 1:
            st.rerun()
        take(self, files)

    monkeypatch.setattr(Session, "take", given_up_at_first)
    upload(page, file("mine.png"))
    assert errors(page) == []
    assert session_of(page).source.name == "mine.png"
    page.run()
    assert len(runs) == 2, "and by no later one"
