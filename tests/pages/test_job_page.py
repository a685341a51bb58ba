"""The page Train with a job, with the real store and no worker: how jobs are shown."""

import io
import json
import zipfile
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image

from cut import library
from cut.checkpoints import find
from cut.errors import CutError
from cut.jobs import Jobs, State
from cut.jobs.places import worker_lock
from cut.jobs.store import Store
from cut.marks import back, mark
from cut.web.session import Session
from cut.web.training import takeaways
from cut.web.widgets import train_list
from tests.helpers import make_checkpoint
from tests.jobs.made import request, zip_of_pictures
from tests.pages.train_pages import (
    OpenTrain,
    components,
    ended,
    errors,
    labels,
    submitted,
    texts,
    trained,
)


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


def test_back_from_another_page_leads_to_the_job(open_train: OpenTrain, jobs: Jobs) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    page = open_train(job=job.id)
    page.button(key="use_patches").click().run()
    # What Streamlit leaves in the browser's history: this page with the other one's query.
    page.query_params.clear()
    page.query_params["checkpoint"] = jobs.get(job.id).model or ""
    page.switch_page("train.py").run()
    assert errors(page) == []
    assert page.title[0].value == job.title
    assert {name: page.query_params[name] for name in page.query_params} in (
        {"job": job.id},
        {"job": [job.id]},
    )
    page.query_params.clear()
    page.query_params["checkpoint"] = "first"  # which no job was left with
    assert page.run().title[0].value == "Train"


def test_a_model_that_was_renamed_is_still_offered_and_one_that_was_removed_is_missed(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    model = find(Store(jobs.folder / "jobs.db").row(job.id)["model"])
    config = json.dumps(model.config | {"job": mark(job.id)})
    (model.folder / "config.json").write_text(config)
    library.rename(model.name, "cliffs")
    page = open_train(job=job.id)
    assert errors(page) == []
    page.button(key="use_translate").click().run()
    assert page.session_state["cut"].checkpoint == "cliffs"
    library.remove("cliffs")
    page = open_train(job=job.id)
    assert errors(page) == []
    assert "Its model is not in the library" in texts(page)
    assert "Use on Translate" not in labels(page)


def test_a_job_of_cyclegan_gives_both_ways(open_train: OpenTrain, jobs: Jobs) -> None:
    files = [zip_of_pictures(2)], [zip_of_pictures(2, 10)]
    job = jobs.submit(request("cyclegan"), *files)
    ended(jobs, job, State.STOPPED)
    other = make_checkpoint(jobs.folder / "checkpoints" / "zebras", ngf=4, heads=False)
    config = json.dumps(other.config | {"job": mark(back(job.id))})
    (other.folder / "config.json").write_text(config)
    page = open_train(job=job.id)
    assert errors(page) == []
    assert "The way back, from set B to set A:" in texts(page)
    assert labels(page).count("Checkpoint (zip)") == 2
    page.button(key="use_translate_back").click().run()
    assert errors(page) == []
    session: Session = page.session_state["cut"]
    assert session.checkpoint == jobs.get(job.id).model_back == "zebras"


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


def test_a_job_that_waits_is_taken_out_of_the_queue_and_put_back(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    submitted(jobs)
    job = submitted(jobs, title="Second")
    page = open_train(job=job.id)
    assert "Number 2 in the queue: 1 waits before it." in texts(page)
    assert page.button(key="job_stop").label == "Take out of the queue"
    page.button(key="job_stop").click().run()
    assert errors(page) == []
    assert jobs.get(job.id).state is State.STOPPED
    assert "Taken out of the queue before it started." in texts(page)
    assert page.button(key="job_resume_now").label == "Put back in the queue"
    page.button(key="job_resume_now").click().run()
    assert errors(page) == []
    assert (jobs.get(job.id).state, jobs.get(job.id).minutes) == (State.QUEUED, None)


def test_the_list_links_to_every_job(open_train: OpenTrain, jobs: Jobs) -> None:
    first = submitted(jobs)
    ended(jobs, first, State.STOPPED)
    second = submitted(jobs, title="*Second*")
    shown = components(open_train())["jobs"]["jobs"]
    assert [row["id"] for row in shown] == [second.id, first.id]
    assert [row["state"] for row in shown] == ["In the queue: 1", "Stopped"]
    assert shown[0]["title"] == "*Second*"
    assert shown[1]["picture"] == f"training/{first.id}/8/thumbnail.jpg"


def test_a_stranger_is_listed_the_jobs_of_the_own_browser(
    open_train: OpenTrain, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, another = submitted(jobs), submitted(jobs)
    monkeypatch.setattr(train_list, "shares_all", lambda: False)
    page = open_train()
    assert "None yet." in texts(page)
    assert components(page)["jobs"] == {"jobs": [], "known": []}
    monkeypatch.setattr(train_list, "ids_kept", lambda: [mine.id])
    shown = components(page.run())["jobs"]
    assert [row["id"] for row in shown["jobs"]] == shown["known"] == [mine.id]
    assert "Those of this browser." in texts(page)
    assert another.id not in str(shown)


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


def test_the_result_is_translated_at_the_size_of_the_training(
    open_train: OpenTrain, jobs: Jobs
) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED, trained_side=48)
    page = open_train(job=job.id)
    assert errors(page) == []
    assert "Translated at 48 px (short side), scaled back to 80 × 64." in texts(page)
