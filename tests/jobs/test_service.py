"""What pages, the API and the command line ask of jobs, and what is refused; without any worker."""

import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from cut.errors import CutError
from cut.jobs import LIMITS, Job, Jobs, Metric, Request, State, service
from cut.jobs.places import job_folder, worker_lock
from cut.jobs.store import Progress, Store
from tests.jobs.made import pair, request, upload, zip_of_pictures


def store_of(jobs: Jobs) -> Store:
    return Store(jobs.folder / "jobs.db")


def running(jobs: Jobs, **options: Any) -> str:
    """A job that a worker claimed; the caller holds the worker's lock if it should live."""
    job = jobs.submit(request(**options), *pair())
    store_of(jobs).claim("cpu")
    return job.id


def refused(jobs: Jobs, asked: Request, files: Any = None) -> str:
    with pytest.raises(CutError) as caught:
        jobs.submit(asked, *(files or pair()))
    assert "\n" not in str(caught.value)
    assert jobs.list() == []
    assert not list((jobs.folder / "jobs").glob("*/data")), "nothing of it is left"
    return str(caught.value)


def test_importing_jobs_imports_no_pytorch() -> None:
    code = "import sys, cut.jobs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_job_that_waits(jobs: Jobs, started: list[str]) -> None:
    job = jobs.submit(request(minutes=5), *pair())
    assert started == ["cpu"]
    assert (job.state, job.place, job.step, job.total) == (State.QUEUED, 1, 0, 30)
    assert (job.title, job.method) == ("painting to photo", "sincut")
    assert (job.sources, job.targets) == (1, 1)
    assert (job.minutes, job.model, job.device, job.message) == (5, None, "", "")
    assert len(job.id) == 24
    assert jobs.get(job.id) == job
    assert jobs.list() == [job]
    assert jobs.picture(job.id, "target").name == "target.png"
    assert jobs.picture(job.id, "source").is_file()
    assert jobs.metrics(job.id) == jobs.previews(job.id) == []
    assert jobs.submit(request(), *pair()).place == 2
    assert started == ["cpu"] * 2, "the stand-in for a worker left at once"


def test_a_job_from_sets(jobs: Jobs) -> None:
    files = [upload("a.png", 1), zip_of_pictures(2, 10)], [zip_of_pictures(4, 20, "zebras.zip")]
    job = jobs.submit(request("cut"), *files)
    assert (job.sources, job.targets, job.title) == (3, 4, "2 pictures to zebras")
    with pytest.raises(CutError, match="trains on sets of pictures: it has no single source"):
        jobs.picture(job.id, "source")
    schedule = request("fastcut", overrides={"steps": "none", "epochs": "10"})
    assert jobs.submit(schedule, *files).total == 10 * 4


def test_notes_on_pictures_are_told(jobs: Jobs) -> None:
    job = jobs.submit(request(), [upload("wide.png", 1, 4500, 80)], pair()[1])
    assert job.message == "wide.png was scaled down from 4500 x 80 px to 4096 x 73 px"


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (Request("gan"), "no method 'gan': choose cut or fastcut or sincut or cyclegan"),
        (
            Request("distill", "paper"),
            "distill is for the command line: python -m cut train --method",
        ),
        (Request("cut", "paper", overrides={"way_back": "/root"}), "setting way_back: for the"),
        (request(preset="slow"), "no preset 'slow' for sincut"),
        (request(overrides={"colour": "1"}), "no setting 'colour'"),
        (request(overrides={"ngf": "many"}), "setting ngf=many: not a whole number"),
        (request(overrides={"ngf": "0"}), "setting ngf=0: from 1 to 1,024"),
        (request(overrides={"learning_rate": "-1"}), "setting learning_rate=-1: above 0 to 1"),
        (request(overrides={"temperature": "nan"}), "setting temperature=nan: from 0.001 to 100"),
        (
            Request("sincut", "quick", overrides={"ngf": "3"}, device="cpu"),
            "setting init=reproducing: that start was made for ngf=4; choose it, or init=random",
        ),
        (request(device="abacus"), "no device 'abacus'"),
        (request(precision="fp7"), "no precision 'fp7'"),
        (request(minutes=0), "0 minutes: a job trains for more than 0 and at most 1,440"),
        (request(minutes=float("nan")), "nan minutes"),
        (request(minutes=1e6), "1e+06 minutes"),
        (request(steps=200_001), "the schedule has 200,001 steps: at most 200,000 are taken"),
    ],
)
def test_requests_that_make_no_sense(jobs: Jobs, asked: Request, line: str) -> None:
    assert refused(jobs, asked).startswith(line)


def test_a_long_schedule_of_sets(jobs: Jobs) -> None:
    asked = request("cut", overrides={"steps": "none", "epochs": "100000"})
    files = [zip_of_pictures(3)], [zip_of_pictures(2, 9)]
    assert "300,000 steps" in refused(jobs, asked, files)


def test_bad_pictures_leave_nothing(jobs: Jobs) -> None:
    assert "the same picture" in refused(jobs, request(), (pair()[0], pair()[0]))
    asked = request(overrides={"crop_size": "128"})
    assert "needs at least 128 px" in refused(jobs, asked)
    assert "can be used" in refused(jobs, request("cut"))


def test_no_disk_left(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(service.shutil, "disk_usage", lambda path: usage(10**12, 0, 4 * 10**8))
    line = refused(jobs, request())
    assert "would have 0.4 GB left, and training needs 1 GB: make room, or delete jobs" in line


def test_a_full_line(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cut.jobs.store.LIMITS", replace(LIMITS, queue=1))
    jobs.submit(request(), *pair())
    with pytest.raises(CutError, match="1 jobs wait or run already"):
        jobs.submit(request(), *pair())
    assert len(jobs.list()) == 1


def test_titles(jobs: Jobs) -> None:
    job = jobs.submit(request(title="  Étretat,\nas a photo\x00  "), *pair())
    assert job.title == "Étretat, as a photo"
    assert jobs.rename(job.id, "x" * 200).title == "x" * 80
    with pytest.raises(CutError, match="the title is empty"):
        jobs.rename(job.id, " \n")
    row = store_of(jobs).row(job.id)
    assert row["model"].startswith("etretat-as-a-photo-")
    assert len(row["model"]) == len("etretat-as-a-photo-") + 4


def test_no_such_job(jobs: Jobs) -> None:
    acts = (jobs.get, jobs.stop, jobs.resume, jobs.delete, lambda id: jobs.rename(id, "new"))
    for act in (*acts, lambda id: jobs.picture(id, "source"), lambda id: next(jobs.watch(id))):
        with pytest.raises(CutError, match="there is no job 'none'"):
            act("none")


def test_stopping_and_deleting_what_waits(jobs: Jobs) -> None:
    job = jobs.submit(request(), *pair())
    assert jobs.stop(job.id).state == State.STOPPED
    assert jobs.resume(job.id).state == State.QUEUED
    with pytest.raises(CutError, match="painting to photo is queued: there is nothing to resume"):
        jobs.resume(job.id)
    jobs.delete(job.id)
    assert jobs.list() == []
    assert not job_folder(jobs.folder, job.id).exists()


def test_what_is_told_of_a_running_job(jobs: Jobs) -> None:
    id = running(jobs, steps=100, minutes=1)
    store = store_of(jobs)
    store.report(id, Progress(20, 100, 10.0, 2.0, 0.5, [Metric(20, 10.0, {"G": 1.25})]))
    store.shown(id, 1, 0.5, "0000001.jpg")
    store.place_on(id, "Runs on the CPU")
    with FileLock(worker_lock(jobs.folder, "cpu")):
        job = jobs.get(id)
        assert (job.state, job.steps_per_second, job.seconds_left) == (State.RUNNING, 2.0, 40.0)
        assert (job.memory_gb, job.device) == (0.5, "Runs on the CPU")
        store.report(id, Progress(20, 100, 50.0, 2.0, 0.5))
        assert jobs.get(id).seconds_left == 10.0, "its minute is over first"
        assert jobs.metrics(id) == [Metric(20, 10.0, {"G": 1.25})]
        assert jobs.metrics(id, after=20) == []
        [preview] = jobs.previews(id)
        assert preview.path == job_folder(jobs.folder, id) / "previews" / "0000001.jpg"
        assert jobs.stop(id).state == State.STOPPING
        with pytest.raises(CutError, match="is stopping: there is nothing to resume"):
            jobs.resume(id)
        jobs.delete(id)
        assert job_folder(jobs.folder, id).exists(), "the worker removes it"
    assert jobs.list() == []
    assert not job_folder(jobs.folder, id).exists(), "the worker died first"


def test_a_dead_worker(jobs: Jobs, started: list[str]) -> None:
    id = running(jobs)
    with FileLock(worker_lock(jobs.folder, "cpu")):
        jobs.ensure_worker()
        assert jobs.get(id).state == State.RUNNING
    started.clear()
    [job] = jobs.list()
    assert job.state == State.INTERRUPTED
    assert job.state.live
    assert job.message.startswith("Its worker was killed or the machine went down")
    assert started == [], "looking changes nothing"
    jobs.ensure_worker()
    assert started == ["cpu"]
    assert jobs.resume(id).state == State.INTERRUPTED, "it goes first, and on from its save"
    store_of(jobs).claim("cpu")
    store_of(jobs).saved(id, 10, 1.0)
    assert jobs.stop(id).state == State.STOPPING, "shown so until a worker has kept the save"


def test_workers_are_started_where_something_waits(jobs: Jobs, started: list[str]) -> None:
    jobs.ensure_worker()
    assert started == []
    jobs.ensure_worker("cpu", soon=True)
    assert started == ["cpu"]
    with FileLock(worker_lock(jobs.folder, "cpu")):
        jobs.ensure_worker("cpu", soon=True)
    assert started == ["cpu"]


def ended(jobs: Jobs, step: int, seconds: float, **options: Any) -> str:
    id = running(jobs, **options)
    store_of(jobs).saved(id, step, seconds)
    store_of(jobs).report(id, Progress(step, 30, seconds, None, None))
    store_of(jobs).finish(id, State.DONE, "", published=True)
    return id


def test_more_minutes(jobs: Jobs) -> None:
    id = ended(jobs, step=10, seconds=60.0, minutes=1)
    with pytest.raises(CutError, match="painting to photo has had its 1 min: say how many minutes"):
        jobs.resume(id)
    with pytest.raises(CutError, match="1441 minutes: a job trains for"):
        jobs.resume(id, minutes=LIMITS.minutes)
    assert jobs.resume(id, minutes=4).minutes == 5.0


def test_a_schedule_at_its_end(jobs: Jobs) -> None:
    id = ended(jobs, step=30, seconds=9.0)
    with pytest.raises(CutError, match="made all 30 steps of its schedule: begin a new job"):
        jobs.resume(id)


def test_a_model_that_was_removed_is_not_offered(jobs: Jobs) -> None:
    id = ended(jobs, step=30, seconds=9.0)
    assert jobs.get(id).model is None
    name = store_of(jobs).row(id)["model"]
    (jobs.folder / "checkpoints" / name).mkdir(parents=True)
    assert jobs.get(id).model == name
    shutil.rmtree(jobs.folder / "checkpoints")
    assert jobs.get(id).model is None


def test_watching(jobs: Jobs) -> None:
    job = jobs.submit(request(), *pair())
    seen: list[Job] = []
    for state in jobs.watch(job.id, interval=0.01):
        seen.append(state)
        jobs.stop(job.id)
    assert [state.state for state in seen] == [State.QUEUED, State.STOPPED]


def test_two_data_folders(jobs: Jobs, tmp_path: Path) -> None:
    other = Jobs(tmp_path / "other")
    job = other.submit(request(), *pair())
    assert jobs.list() == []
    assert other.list() == [job]
