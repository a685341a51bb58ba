"""What can be done with a model on the page Library, and by whom."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import cut.checkpoints
from cut.checkpoints import find
from cut.library.speed import recall
from cut.library.store import sample_files
from cut.web.examples import FOLDER
from cut.web.library import exporting
from tests.helpers import make_checkpoint
from tests.pages.library_pages import OpenLibrary, told
from tests.pages.train_pages import errors, labels, texts

MAY_NOT = "Only who sits at this server, or knows its password, renames and removes models."


def rename(page: AppTest, name: str, title: str) -> AppTest:
    title_field, name_field = page.text_input[:2]
    title_field.set_value(title)
    name_field.set_value(name)
    (button,) = (button for button in page.button if button.label == "Rename")
    return button.click().run()


def test_a_model_is_renamed(open_library: OpenLibrary, home: Path) -> None:
    page = open_library(model="first")
    rename(page, "second", "Other")
    assert errors(page) == ["There is a checkpoint 'second' already: choose another name."]
    rename(page, "../x", "Other")
    assert "use letters, digits" in errors(page)[0]
    page.session_state["cut"].checkpoint = "first"
    rename(page, "third", "Third *one*")
    assert errors(page) == []
    assert page.query_params["model"] in ("third", ["third"])
    assert [done.value for done in page.success] == ["It is now called Third \\*one\\*."]
    assert page.session_state["cut"].checkpoint == "third"
    assert find("third").title == "Third *one*"
    assert not (home / "checkpoints" / "first").exists()


def test_a_model_is_removed_once_that_was_confirmed(open_library: OpenLibrary, home: Path) -> None:
    page = open_library(model="first")
    page.button(key="library_remove_sure").click().run()
    assert errors(page) == []
    assert [done.value for done in page.success] == ["first was removed."]
    assert [path.name for path in (home / "checkpoints").iterdir()] == ["second"]
    assert len(told(page)) == 1
    assert not page.run().success  # said once


def test_a_damaged_model_can_be_removed(open_library: OpenLibrary, home: Path) -> None:
    config = home / "checkpoints" / "first" / "config.json"
    config.write_text(config.read_text().replace('"steps"', '"steps": "many", "was"', 1))
    page = open_library(model="first")
    assert len(errors(page)) == 1
    page.button(key="library_remove_sure").click().run()
    assert errors(page) == []
    assert not config.exists()


def test_a_bundled_model_stays(open_library: OpenLibrary) -> None:
    make_checkpoint(cut.checkpoints.BUNDLED / "bundled", ngf=4)
    page = open_library(model="bundled")
    assert "It comes with the application: it keeps its name, and it stays." in texts(page)
    assert not {"Rename", "Remove for good"} & set(labels(page))
    assert "Checkpoint (zip)" in labels(page)


def test_a_visitor_looks_and_takes_along_but_changes_nothing(
    open_library: OpenLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: "192.0.2.7"))
    page = open_library(model="first")
    assert MAY_NOT in texts(page)
    assert not {"Rename", "Remove for good"} & set(labels(page))
    assert {"Checkpoint (zip)", "Export", "Measure its speed"} <= set(labels(page))
    monkeypatch.setenv("CUT_PASSWORD", "open sesame")  # who has come this far knows it
    page = open_library(model="first")
    assert MAY_NOT not in texts(page)
    assert {"Rename", "Remove for good"} <= set(labels(page))


def test_the_speed_is_measured_here(open_library: OpenLibrary) -> None:
    page = open_library(model="first")
    page.button(key="library_measure").click().run()
    assert errors(page) == []
    measured = recall(find("first"))
    assert measured is not None
    (facts,) = told(page)
    assert facts["Speed"].startswith(f"{measured.seconds:.2g} s a picture of 256 × 256 px")
    assert "Measure again" in labels(page)


def test_a_model_without_pictures_gets_those_of_the_examples(open_library: OpenLibrary) -> None:
    page = open_library(model="first")
    assert "No pictures yet." in texts(page)
    page.button(key="library_picture").click().run()
    assert errors(page) == []
    made = sample_files(find("first").folder)
    wanted = ["bridge", "castle", "cat", "cow", "horses_on_a_meadow", "island"]
    assert [path.stem for path in made] == wanted
    assert len(page.get("image")) == len(wanted)
    with Image.open(made[2]) as sample, Image.open(FOLDER / "cat.jpg") as cat:
        assert sample.height == 256
        assert abs((sample.width - 8) / 2 / 256 - cat.width / cat.height) < 0.01
        left = np.asarray(sample.crop((0, 0, 256, 256)), float)
        right = np.asarray(sample.crop((sample.width - 256, 0, sample.width, 256)), float)
    assert abs(left - right).mean() > 5
    assert "library_picture" not in {button.key for button in page.button}


def test_the_authors_format_comes_as_a_zip(open_library: OpenLibrary) -> None:
    page = open_library(model="first")
    page.button(key="library_export").click().run()
    assert errors(page) == []
    assert "Download first-published.zip" in labels(page)
    made = page.session_state["cut_library_export"].made
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.namelist() == ["first/latest_net_F.pth", "first/latest_net_G.pth"]
        content = io.BytesIO(archive.read("first/latest_net_G.pth"))
    state = torch.load(content, weights_only=True)
    for key, value in find("first").generator_state().items():
        assert torch.equal(state[key], value)
    page.radio(key="library_format").set_value("onnx").run()
    assert "Download first-published.zip" not in labels(page)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (2, "First does not state the terms of its data: name one."),
        (1, "The export failed unexpectedly; the server's log says why."),
    ],
)
def test_a_failed_export_is_told_in_a_line(
    open_library: OpenLibrary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    shown: str,
) -> None:
    """The command is stood in for: what it refuses is tested where it is written."""
    command = tmp_path / "python"
    told = "cut: first does not state the terms of its data: name one (--licence NAME, or other)"
    command.write_text(
        f"#!/bin/sh\necho \"$@\" > {tmp_path}/asked\necho '{told}' >&2\nexit {status}\n"
    )
    command.chmod(0o755)
    monkeypatch.setattr(exporting.sys, "executable", str(command))
    page = open_library(model="first")
    page.radio(key="library_format").set_value("hub").run()
    page.text_input(key="library_licence").set_value("--other")
    page.button(key="library_export").click().run()
    assert errors(page) == [shown]
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("-m cut checkpoints export first --format hub --output ")
    assert asked.endswith(" --licence=--other\n")
    assert "library_take_export" not in {button.key for button in page.get("download_button")}


def test_an_export_that_nobody_waits_for_is_ended(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    popen = exporting.subprocess.Popen
    monkeypatch.setattr(
        exporting.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0]
    )

    class Left(BaseException):
        """As Streamlit ends the run of a page."""

    def leave(*_: object) -> None:
        raise Left

    with pytest.raises(Left):
        exporting.export(find("first"), "onnx", None, leave)
    assert started[0].poll() is not None
    assert exporting.LINE.waiting == 0
