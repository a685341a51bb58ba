"""The page Train with the real store and no worker: what is asked for, and how jobs are shown."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image
from streamlit.testing.v1 import AppTest

from cut.errors import CutError
from cut.jobs import Job, Jobs, Metric, Request, State, processes
from cut.jobs.places import job_folder, worker_lock
from cut.jobs.store import Progress, Store
from cut.web.session import Session
from cut.web.training import takeaways
from tests.helpers import make_checkpoint
from tests.jobs.made import PAIR, pair, picture_bytes, zip_of_pictures
from tests.pages.conftest import MAIN, PATIENCE

OpenTrain = Callable[..., AppTest]


class Ended:
    """Stands for a worker process that ended."""

    def poll(self) -> int:
        return 0


@pytest.fixture
def jobs(home: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The jobs that the page shows; no worker is started."""
    monkeypatch.setattr(processes, "_spawn", lambda *_: Ended())
    return Jobs(home)


@pytest.fixture
def open_train(jobs: Jobs) -> OpenTrain:
    """Return a function that opens the page at an address."""

    def open_at(**address: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE).run()
        for name, value in address.items():
            page.query_params[name] = value
        return page.switch_page("train.py").run()

    return open_at


def submitted(jobs: Jobs, **options: Any) -> Job:
    wish = {
        "preset": "paper",
        "device": "cpu",
        "precision": "fp32",
        "overrides": PAIR | {"steps": "100"},
    } | options
    return jobs.submit(Request("sincut", **wish), *pair())


def trained(jobs: Jobs, job: Job, steps: int = 12) -> Store:
    """Make what a worker would have left of `job`, which is then running."""
    store = Store(jobs.folder / "jobs.db")
    store.claim("cpu")
    rows = [Metric(k, k / 4, {"NCE": 5.0 / k, "D_real": 0.7, "D_fake": 0.6}) for k in range(1, 5)]
    store.place_on(job.id, "Runs on the CPU.")
    store.report(job.id, Progress(steps, 10_000, 200.0, 3.5, 1.25, rows))
    folder = job_folder(jobs.folder, job.id) / "previews"
    folder.mkdir(parents=True, exist_ok=True)
    for step in (1, 8):
        (folder / f"{step}.jpg").write_bytes(picture_bytes(step, 80, 64))
        store.shown(job.id, step, step / 4, f"{step}.jpg")
    return store


def ended(jobs: Jobs, job: Job, state: State, message: str = "") -> None:
    """Let `job` end as a worker would, with a model in the library."""
    store = trained(jobs, job)
    name = Store(jobs.folder / "jobs.db").row(job.id)["model"]
    make_checkpoint(jobs.folder / "checkpoints" / name, ngf=4)
    store.finish(job.id, state, message, published=True)


def errors(page: AppTest) -> list[str]:
    assert not page.exception, page.exception
    return [error.value for error in page.error]


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.info))


def labels(page: AppTest) -> list[str]:
    return [button.label for button in (*page.button, *page.get("download_button"))]


def components(page: AppTest) -> dict[str, Any]:
    """What our components were given as JSON, by the component's key; None for packed bytes."""
    found = {}
    for element in page.get("bidi_component"):
        key = element.proto.id.rsplit("-", 1)[-1]
        found[key] = json.loads(element.proto.json) if element.proto.json else None
    return found


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
    assert "Next in line" in texts(page)


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
    field.set_value("many").run()
    start(page)
    assert errors(page) == ["Setting lambda_nce=many: not a number."]
    (field,) = (field for field in page.text_input if field.label == "lambda_nce")
    field.set_value("2.5").run()
    page.select_slider(key="train_structure").set_value("Strictly").run()
    start(page)
    assert errors(page) == []
    assert jobs.list()[0].overrides == {"lambda_nce": "2.5"}


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


def test_a_job_in_training_shows_pictures_curves_and_facts(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    job = submitted(jobs, minutes=10)
    trained(jobs, job)
    with FileLock(worker_lock(jobs.folder, "cpu")):  # its worker lives
        page = open_train(job=job.id)
        assert errors(page) == []
        shown = components(page)
        assert [picture["step"] for picture in shown["history"]["pictures"]] == [1, 8]
        assert shown["history"]["source"] == f"training/{job.id}/source.jpg"
        assert shown["history"]["live"]
        assert [panel["title"] for panel in shown["curves"]["panels"]] == ["Structure", "The judge"]
        facts = "".join(element.proto.body for element in page.get("html"))
        assert "3.5 steps/s" in facts
        assert "12 of 10,000" in facts
        assert "1.2 GB" in facts
        assert "about 6 min 40 s" in facts
        page.button(key="job_stop").click().run()
        assert jobs.get(job.id).state is State.STOPPING
        assert page.button(key="job_stop").disabled


def test_a_dead_worker_is_shown_as_an_interruption(open_train: OpenTrain, jobs: Jobs) -> None:
    job = submitted(jobs)
    trained(jobs, job)
    page = open_train(job=job.id)
    assert errors(page) == []
    assert "Interrupted" in texts(page)


def test_a_failed_job_says_why_and_offers_what_was_saved(open_train: OpenTrain, jobs: Jobs) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.FAILED, "the losses are not numbers any more at step 12")
    page = open_train(job=job.id)
    (error,) = errors(page)
    assert "The losses are not numbers any more at step 12." in error
    assert "Picture (PNG)" in labels(page)


def test_a_stopped_job_gives_everything_and_goes_to_the_other_pages(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    page = open_train(job=job.id)
    assert errors(page) == []
    for label in ("Picture (PNG)", "Animation (WebP)", "Checkpoint (zip)", "Use on Translate"):
        assert label in labels(page)
    assert "Stopped after 12 steps" in texts(page)
    assert "80 × 64" in texts(page)
    model = jobs.get(job.id).model
    assert model is not None
    page.button(key="use_patches").click().run()
    assert errors(page) == []
    assert page.title[0].value == "Patches"
    session: Session = page.session_state["cut"]
    assert session.checkpoint == model
    assert session.source is not None
    assert (session.source.width, session.source.height) == (80, 64)


def test_rename_resume_and_delete(open_train: OpenTrain, jobs: Jobs) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    page = open_train(job=job.id)
    (field,) = (field for field in page.text_input if field.label == "Title")
    field.set_value("Dunes")
    page.button(key="FormSubmitter:job_title-Rename").click().run()
    assert page.title[0].value == "Dunes"
    page.button(key="job_resume_now").click().run()
    assert errors(page) == []
    assert jobs.get(job.id).state is State.QUEUED
    page.button(key="job_delete_sure").click().run()
    assert jobs.list() == []
    assert page.title[0].value == "Train"
    assert "job" not in page.query_params


def test_the_list_links_to_every_job(open_train: OpenTrain, jobs: Jobs) -> None:
    first = submitted(jobs)
    ended(jobs, first, State.STOPPED)
    second = submitted(jobs, title="*Second*")
    shown = components(open_train())["jobs"]["jobs"]
    assert [row["id"] for row in shown] == [second.id, first.id]
    assert [row["state"] for row in shown] == ["In line", "Stopped"]
    assert shown[0]["title"] == "*Second*"
    assert shown[1]["picture"] == f"training/{first.id}/8/thumbnail.jpg"


def test_a_locked_database_is_told_in_one_line(
    open_train: OpenTrain, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted(jobs)

    def refuse(*_: Any) -> None:
        raise CutError("jobs.db is locked by another program: try again")

    monkeypatch.setattr(Store, "row", refuse)
    page = open_train(job=job.id)
    assert errors(page) == ["jobs.db is locked by another program: try again."]
    assert page.title[0].value == "Train"


def test_takeaways(jobs: Jobs) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    moving = Image.open(io.BytesIO(takeaways.animation(jobs, job.id)))
    assert moving.format == "WEBP"
    assert (moving.n_frames, moving.size) == (2, (80, 64))
    name = jobs.get(job.id).model
    assert name is not None
    with zipfile.ZipFile(io.BytesIO(takeaways.checkpoint_zip(name))) as archive:
        names = archive.namelist()
    assert f"{name}/config.json" in names
    assert f"{name}/generator.safetensors" in names
