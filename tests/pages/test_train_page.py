"""The page Train before a job, with the real store and no worker: what is asked for."""

import io
import zipfile
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from cut.jobs import Jobs
from cut.web.training.draft import Zone
from tests.jobs.made import picture_bytes, zip_of_pictures
from tests.pages.train_pages import (
    OpenTrain,
    components,
    errors,
    texts,
)


def bring(page: AppTest, side: int, name: str, data: bytes) -> AppTest:
    page.file_uploader[side].set_value([(name, data, "image/png")])
    return page.run()


def start(page: AppTest) -> AppTest:
    return page.button(key="train_start").click().run()


def fill(page: AppTest) -> AppTest:
    """Bring two pictures, and make the paper's networks tiny."""
    bring(page, 0, "dunes.png", picture_bytes(1, 80, 70))
    return bring(page, 1, "beach.png", picture_bytes(2, 90, 70))


def test_the_first_visit_invites_and_waits_for_pictures(open_train: OpenTrain) -> None:
    page = open_train()
    assert errors(page) == []
    assert page.title[0].value == "Train"
    assert len(page.file_uploader) == 2
    assert page.button(key="train_start").disabled
    assert "Bring a painting and a photo first." in texts(page)
    assert "None yet." in texts(page)
    assert "pairs" in components(page)


def test_two_pictures_and_start_make_a_job_with_an_address(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    page = fill(open_train())
    assert errors(page) == []
    assert not page.button(key="train_start").disabled
    page.select_slider(key="train_structure").set_value("More").run()
    start(page)
    assert errors(page) == []
    (job,) = jobs.list()
    assert page.query_params["job"] in (job.id, [job.id])
    assert page.title[0].value == job.title == "dunes to beach"
    assert job.method == "sincut"
    assert float(job.overrides["lambda_nce"]) > 0
    with Image.open(jobs.picture(job.id, "source")) as picture:
        assert picture.size == (80, 70)
    assert "Next in the queue" in texts(page)


def test_a_second_click_on_start_makes_no_second_job(open_train: OpenTrain, jobs: Jobs) -> None:
    page = start(fill(open_train()))
    (job,) = jobs.list()
    del page.query_params["job"]
    page.run()
    start(page)
    assert jobs.list() == [job]


def test_an_example_pair_is_one_click_away(open_train: OpenTrain, jobs: Jobs) -> None:
    page = open_train()
    page.session_state["cut_train"].take_pair("harvest")
    page.run()
    assert "Harvest at La Crau" in texts(page)
    assert "CC BY 4.0" in texts(page)
    start(page)
    assert errors(page) == []
    assert jobs.list()[0].title == "Harvest at La Crau"


def flat_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (90, 90), "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (picture_bytes(1, 80, 70), "same picture"),
        (flat_picture(), "one flat colour"),
        (picture_bytes(3, 40, 40), "at least 64 px"),
        (b"nothing", "bad.png is not a picture"),
        (picture_bytes(3)[:200], "bad.png is damaged"),
    ],
    ids=["the same", "flat", "tiny", "no picture", "cut short"],
)
def test_a_bad_photo_is_told_in_one_line_and_nothing_is_lost(
    open_train: OpenTrain, jobs: Jobs, data: bytes, told: str
) -> None:
    page = open_train()
    page.select_slider(key="train_structure").set_value("Strictly").run()
    bring(page, 0, "dunes.png", picture_bytes(1, 80, 70))
    bring(page, 1, "bad.png", data)
    if not page.button(key="train_start").disabled:
        start(page)
    (error,) = errors(page)
    assert told in error
    assert "\n" not in error
    assert jobs.list() == []
    assert page.session_state["cut_train"].zones["source"].picture.name == "dunes.png"
    assert page.select_slider(key="train_structure").value == "Strictly"
    bring(page, 1, "beach.png", picture_bytes(2, 90, 70))
    start(page)
    assert errors(page) == []
    assert len(jobs.list()) == 1


def test_a_setting_under_advanced_has_the_last_word_and_a_bad_one_is_told(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    page = fill(open_train())
    (field,) = (field for field in page.text_input if field.label == "lambda_nce")
    for bad, told in (("many", "not a number"), ("-1", "from 0 to 1,000,000")):
        field.set_value(bad).run()
        start(page)
        assert errors(page) == [f"Setting lambda_nce={bad}: {told}."]
        assert jobs.list() == []
    (field,) = (field for field in page.text_input if field.label == "lambda_nce")
    field.set_value("2.5").run()
    page.select_slider(key="train_structure").set_value("Strictly").run()
    start(page)
    assert errors(page) == []
    assert jobs.list()[0].overrides == {"lambda_nce": "2.5"}


@pytest.mark.parametrize("act", ["take", "take_set"])
def test_files_whose_reading_is_given_up_for_a_newer_run_are_read_by_that(
    open_train: OpenTrain, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, acted, runs = open_train(), getattr(Zone, act), []

    def given_up_at_first(self: Zone, *args: Any) -> None:
        runs.append(args)
        if len(runs) == 1:
            st.rerun()
        acted(self, *args)

    monkeypatch.setattr(Zone, act, given_up_at_first)
    if act == "take":
        fill(page)
        assert not page.button(key="train_start").disabled
        assert len(runs) == 3, "one of two pictures twice"
        return
    page.button_group(key="train_mode").set_value("sets").run()
    packed = zip_of_pictures(3)
    page.file_uploader[0].set_value([(packed.name, packed.data, "application/zip")]).run()
    assert [success.value for success in page.success] == ["3 pictures."]
    assert len(runs) == 2


def test_two_sets_are_counted_and_trained_on(open_train: OpenTrain, jobs: Jobs) -> None:
    page = open_train()
    page.button_group(key="train_mode").set_value("sets").run()
    assert page.button(key="train_start").disabled
    for side, first in ((0, 0), (1, 50)):
        packed = zip_of_pictures(3, first, f"set{side}.zip")
        page.file_uploader[side].set_value([(packed.name, packed.data, "application/zip")])
        page.run()
    assert errors(page) == []
    assert [success.value for success in page.success] == ["3 pictures.", "3 pictures."]
    page.radio(key="train_method").set_value("fastcut").run()
    start(page)
    assert errors(page) == []
    (job,) = jobs.list()
    assert (job.method, job.preset, job.sources, job.targets) == ("fastcut", "compact", 3, 3)
    assert job.minutes == 60


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"PK\x03\x04 broken", "damaged"), (None, "At least 2 pictures"), (b"", "climbs")],
    ids=["damaged", "too few", "climbing"],
)
def test_a_bad_set_is_told_at_once(open_train: OpenTrain, data: bytes | None, told: str) -> None:
    name = "bad.zip"
    if told == "climbs":
        buffer, told = io.BytesIO(), "a path out of the zip"
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("../x.png", b"")
        data = buffer.getvalue()
    elif data is None:
        name, data = "one.png", picture_bytes()
    page = open_train()
    page.button_group(key="train_mode").set_value("sets").run()
    page.file_uploader[0].set_value([(name, data, "application/zip")])
    page.run()
    (error,) = errors(page)
    assert told in error


def test_an_unknown_job_is_told_above_the_start_view(open_train: OpenTrain) -> None:
    page = open_train(job="nothing")
    (error,) = errors(page)
    assert "no job 'nothing'" in error
    assert page.title[0].value == "Train"
    assert len(page.file_uploader) == 2
