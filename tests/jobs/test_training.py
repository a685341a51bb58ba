"""A claimed job trained in this process: how it may end, and what it leaves in the library."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import cut
from cut.checkpoints import find, read_checkpoint
from cut.errors import CutError
from cut.jobs import Job, Jobs, State, training
from cut.jobs.naming import free_name
from cut.jobs.places import job_folder
from cut.jobs.store import Store
from cut.jobs.training import History, fitting_side, work_on
from cut.library import remove, rename
from cut.library.store import sample_files
from cut.marks import mark
from cut.methods.sincut import SinCut
from tests.helpers import make_checkpoint, make_picture
from tests.jobs.made import pair, request, zip_of_pictures


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(training, "PREVIEW_SECONDS", 0.0)


def store_of(jobs: Jobs) -> Store:
    return Store(jobs.folder / "jobs.db")


def train(jobs: Jobs, job: Job, leaving: Any = lambda: False) -> Job:
    """Train `job`, which is next in the line, as its worker does."""
    store = store_of(jobs)
    row = store.claim("cpu")
    assert row is not None
    assert row["id"] == job.id
    work_on(jobs.folder, store, row, leaving)
    found = store.rows()
    return jobs.get(job.id) if any(row["id"] == job.id for row in found) else job


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    """Have `act` happen in the step of that number (from 1), before it is made."""
    made = SinCut.step

    def step(self: SinCut, A: Any, B: Any, choices: Any, *rest: Any) -> Any:
        losses = made(self, A, B, choices, *rest)
        return (act() or losses) if choices.step == number - 1 else losses

    monkeypatch.setattr(SinCut, "step", step)


def test_cyclegan_trains_as_a_job(jobs: Jobs) -> None:
    files = [zip_of_pictures(2)], [zip_of_pictures(2, 10)]
    job = train(jobs, jobs.submit(request("cyclegan", steps=2), *files))
    assert (job.state, job.step, job.message) == (State.DONE, 2, "")
    assert "cycle_A" in jobs.metrics(job.id)[-1].losses
    assert job.model is not None
    assert find(job.model).config["method"] == "cyclegan"
    assert job.model_back == f"{job.model}-back"
    way_back = find(job.model_back)
    assert (way_back.config["steps"], way_back.config["name"]) == (2, job.model_back)
    assert way_back.config["data"]["name"] == "2 and 2 pictures"
    forth = find(job.model).generator_state()
    assert any(not torch.equal(forth[key], way_back.generator_state()[key]) for key in forth)
    rename(job.model_back, "zebras")
    assert jobs.get(job.id).model_back == "zebras"


def test_to_the_end_of_the_schedule(jobs: Jobs) -> None:
    job = train(jobs, jobs.submit(request(steps=4, title="Étretat"), *pair()))
    assert (job.state, job.step, job.message) == (State.DONE, 4, "")
    assert job.device.startswith("Runs on the CPU")
    assert job.seconds > 0
    assert [row.step for row in jobs.metrics(job.id)][-1] == 4
    previews = jobs.previews(job.id)
    assert (previews[0].step, previews[-1].step) == (0, 4)
    assert Image.open(previews[-1].path).size == (80, 64), "the painting, whole"
    assert job.model is not None
    assert job.model.startswith("etretat-")
    assert find(job.model).title == "Étretat"
    assert find(job.model).config["steps"] == 4
    assert cut.load(job.model, device="cpu")(make_picture(64, 48)).size == (64, 48)


def test_a_model_shows_nobody_what_it_was_trained_on(jobs: Jobs) -> None:
    """All visitors of an open server see the library, and zips of it are passed on."""
    job = train(jobs, jobs.submit(request(steps=1), *pair()))
    assert job.model is not None
    assert sample_files(find(job.model).folder) == []


def test_until_its_time_is_up(jobs: Jobs) -> None:
    job = train(jobs, jobs.submit(request(steps=1000, minutes=1e-6), *pair()))
    assert (job.state, job.step) == (State.DONE, 1)
    again = train(jobs, jobs.resume(job.id, minutes=1e-6))
    assert (again.state, again.step) == (State.DONE, 2)
    assert again.model == job.model
    assert [row.step for row in jobs.metrics(job.id)] == [1, 2]


def test_from_sets(jobs: Jobs) -> None:
    files = [zip_of_pictures(3)], [zip_of_pictures(2, 9)]
    job = train(jobs, jobs.submit(request("cut", steps=3), *files))
    assert (job.state, job.step) == (State.DONE, 3)
    assert Image.open(jobs.previews(job.id)[-1].path).size == (3 * 36, 2 * 36)
    assert job.model is not None
    assert cut.load(job.model, device="cpu")(make_picture(64, 48)).size == (64, 48)


def test_stop_keeps_and_publishes_and_resume_goes_on(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cut.jobs.reports.REPORT_SECONDS", 0.0)
    queued = jobs.submit(request(steps=6), *pair())
    at_step(monkeypatch, 3, lambda: store_of(jobs).ask_to_stop(queued.id))
    job = train(jobs, queued)
    assert (job.state, job.step) == (State.STOPPED, 3)
    assert job.model is not None
    assert find(job.model).config["steps"] == 3
    job = train(jobs, jobs.resume(job.id))
    assert (job.state, job.step, find(job.model).config["steps"]) == (State.DONE, 6, 6)
    assert [row.step for row in jobs.metrics(job.id)] == [1, 2, 3, 4, 5, 6]


def test_a_model_that_is_renamed_stays_the_jobs(
    jobs: Jobs, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cut.jobs.reports.REPORT_SECONDS", 0.0)
    queued = jobs.submit(request(steps=4), *pair())
    at_step(monkeypatch, 2, lambda: store_of(jobs).ask_to_stop(queued.id))
    job = train(jobs, queued)
    old = job.model
    assert old is not None
    assert queued.id not in (home / "checkpoints" / old / "config.json").read_text()
    rename(old, old, "Only the title")
    jobs.resume(job.id)
    at_step(monkeypatch, 3, lambda: store_of(jobs).ask_to_stop(queued.id))
    job = train(jobs, job)
    assert (job.model, find(old).title, find(old).config["steps"]) == (old, "Only the title", 3)
    rename(old, "cliffs", "Cliffs")
    assert jobs.get(job.id).model == "cliffs"
    other = make_checkpoint(home / "checkpoints" / old, ngf=4)
    marked = json.dumps(other.config | {"job": mark("another")})
    (other.folder / "config.json").write_text(marked)
    assert jobs.get(job.id).model == "cliffs"
    job = train(jobs, jobs.resume(job.id))
    assert (job.state, job.model) == (State.DONE, "cliffs")
    model = find("cliffs")
    assert (model.title, model.config["name"], model.config["steps"]) == ("Cliffs", "cliffs", 4)
    assert find(old).config["job"] == mark("another"), "left alone"
    remove("cliffs")
    assert jobs.get(job.id).model is None


def test_a_name_that_was_taken_meanwhile(jobs: Jobs, home: Path) -> None:
    queued = jobs.submit(request(steps=1), *pair())
    taken = store_of(jobs).row(queued.id)["model"]
    make_checkpoint(home / "checkpoints" / taken, ngf=4)
    job = train(jobs, queued)
    assert job.model not in (None, taken)
    assert find(taken).config["method"] == "cut"


def test_a_worker_that_died_between_publishing_and_saying_so(jobs: Jobs, home: Path) -> None:
    job = train(jobs, jobs.submit(request(steps=1), *pair()))
    unsaid = {**dict(store_of(jobs).row(job.id)), "published": 0}
    assert training._publish(home, unsaid) == job.model
    assert [folder.name for folder in (home / "checkpoints").iterdir()] == [job.model]


def test_a_free_name_loses_no_word(home: Path) -> None:
    for name, stem in (
        ("sea-1a2b", "sea"),
        ("sea-1a2b-back", "sea-1a2b-back"),
        ("x" * 64, "x" * 59),
    ):
        (home / "checkpoints" / name).mkdir(parents=True)
        found = free_name(home, name)
        assert found[:-5] == stem
        assert re.fullmatch(r"-[0-9a-f]{4}", found[-5:])


def test_a_loss_that_is_no_number(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    at_step(monkeypatch, 4, lambda: {"G": torch.tensor(float("nan"))})
    job = train(jobs, jobs.submit(request(steps=9), *pair()))
    assert job.state == State.FAILED
    assert job.message.startswith("step 4: G is no longer a number; the last save is good")
    assert job.model is not None
    model = find(job.model)
    assert model.config["steps"] == 3
    for part in model.files:
        assert all(value.isfinite().all() for value in model.weights(part).values())


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (MemoryError(), "out of memory: begin again with smaller crops, batches or widths"),
        (RuntimeError("CUDA out of memory. Tried to\nallocate"), "out of memory: begin again"),
        (RuntimeError("broken\nin two"), "training broke off (RuntimeError: broken); "),
        (CutError("cannot write state.pt: No space left"), "cannot write state.pt: No space left"),
    ],
)
def test_what_breaks_a_job_is_told_in_one_line(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, fault: Exception, line: str
) -> None:
    def fail() -> None:
        raise fault

    at_step(monkeypatch, 2, fail)
    job = train(jobs, jobs.submit(request(), *pair()))
    assert job.state == State.FAILED
    assert job.message.startswith(line)
    assert "\n" not in job.message
    assert job.model is not None, "what was saved before is published all the same"


def test_settings_that_do_not_fit_fail_with_their_line(jobs: Jobs) -> None:
    job = jobs.submit(request(), *pair())
    (job_folder(jobs.folder, job.id) / "data" / "source.png").write_bytes(b"lost")
    job = train(jobs, job)
    assert job.state == State.FAILED
    assert "source.png is not a picture" in job.message
    assert job.model is None


def test_a_worker_that_is_told_to_leave_saves_and_hands_on(jobs: Jobs) -> None:
    queued = jobs.submit(request(steps=4), *pair())
    job = train(jobs, queued, leaving=lambda: True)
    assert (job.state, job.step, job.model) == (State.INTERRUPTED, 1, None)
    assert job.message == "Its worker was told to leave; it goes on from step 1."
    assert train(jobs, queued).state == State.DONE


def test_a_job_that_kills_its_workers(jobs: Jobs) -> None:
    queued = jobs.submit(request(steps=4), *pair())
    for _ in range(3):
        store_of(jobs).claim("cpu")
        store_of(jobs).abandon("cpu")
    job = train(jobs, queued)
    assert (job.state, job.model) == (State.FAILED, None)
    assert job.message.startswith("3 workers died over it without getting ahead, perhaps for want")
    assert train(jobs, jobs.resume(job.id)).state == State.DONE


def test_stopped_while_no_worker_lived(jobs: Jobs) -> None:
    queued = jobs.submit(request(steps=9), *pair())
    train(jobs, queued, leaving=lambda: True)
    jobs.stop(queued.id)
    job = train(jobs, queued)
    assert (job.state, job.step) == (State.STOPPED, 1)
    assert job.model is not None, "the save was kept"


def test_deleted_while_it_trains(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cut.jobs.reports.REPORT_SECONDS", 0.0)
    queued = jobs.submit(request(), *pair())
    at_step(monkeypatch, 2, lambda: store_of(jobs).forget(queued.id) and None)
    train(jobs, queued)
    assert jobs.list() == []
    assert not job_folder(jobs.folder, queued.id).exists()
    assert not (jobs.folder / "checkpoints").exists()


def test_a_model_that_cannot_be_published(jobs: Jobs, home: Path) -> None:
    queued = jobs.submit(request(steps=1), *pair())
    (home / "checkpoints").write_text("in the way")
    job = train(jobs, queued)
    assert (job.state, job.model) == (State.DONE, None)
    assert job.message.startswith("cannot write ")
    assert read_checkpoint(job_folder(home, job.id) / "run" / "last").config["steps"] == 1


def test_history_is_thinned(jobs: Jobs, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "PREVIEWS", 9)
    job = jobs.submit(request(), *pair())
    history = History(store_of(jobs), job.id, job_folder(home, job.id) / "previews")
    for step in range(1, 41):
        history.add(step, float(step), make_picture(8, 8))
    steps = [preview.step for preview in jobs.previews(job.id)]
    assert len(steps) <= 9
    assert steps[0] == 1
    assert steps[-3:] == [38, 39, 40]
    assert all(preview.path.is_file() for preview in jobs.previews(job.id))
    assert len(list(history.folder.iterdir())) == len(steps)
    (history.folder / "0000077.jpg").write_bytes(b"of a step after the last save")
    History(store_of(jobs), job.id, history.folder)
    assert len(list(history.folder.iterdir())) == len(steps)


def test_a_store_that_is_locked_at_the_end_is_waited_for(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = jobs.submit(request(steps=1), *pair())
    finish, refusals = Store.finish, [CutError("locked"), CutError("the disk is full")]

    def late(self: Store, *args: Any) -> bool:
        if refusals:
            raise refusals.pop()
        return finish(self, *args)

    monkeypatch.setattr(Store, "finish", late)
    monkeypatch.setattr(training.time, "sleep", lambda seconds: None)
    assert train(jobs, queued).state == State.DONE
    assert refusals == []


def test_previews_fit_the_machine() -> None:
    cost, largest = training.PREVIEW_COST, training.PREVIEW_SIDE
    assert fitting_side(400, cost) == fitting_side(400, 1.9 * cost) == 400
    assert fitting_side(800, 4 * cost) == 400
    assert fitting_side(384, cost / 3) == round(384 * 3**0.5)
    assert fitting_side(384, 0.0) == fitting_side(None, cost / 9) == largest
    assert fitting_side(384, 1000 * cost) == training.FIRST_PREVIEW_SIDE


def test_the_first_preview_is_small_and_later_ones_as_large_as_the_time_allows(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "FIRST_PREVIEW_SIDE", 32)
    monkeypatch.setattr(training, "PREVIEW_COST", 1000.0)
    job = jobs.submit(request(steps=3), *pair())
    train(jobs, job)
    sizes = [Image.open(preview.path).size for preview in jobs.previews(job.id)]
    assert (sizes[0], sizes[-1]) == ((32, 26), (80, 64))
