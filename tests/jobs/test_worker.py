"""Real worker processes: one life of a data folder, as the tests go on from one to the next.

A worker takes seconds to import PyTorch, so that the tests share two of them: the first is
killed, the second told to leave.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import cut
from cut.checkpoints import find
from cut.errors import CutError
from cut.jobs import Job, Jobs, State, database, processes
from cut.jobs.places import worker_lock, worker_log
from tests.helpers import make_picture
from tests.jobs.made import pair, request, zip_of_pictures
from tests.jobs.quick_worker import SPOILT

PATIENCE = 240.0
LONG = 100_000

SERVER = """
import sys
from cut.jobs import Jobs, processes
from tests.jobs.made import pair, request
processes.COMMAND = (sys.executable, "-m", "tests.jobs.quick_worker")
print(Jobs().submit(request(steps=30), *pair()).id)
"""
"""A server that takes a job and ends."""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    home = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "COMMAND", (sys.executable, "-m", "tests.jobs.quick_worker"))
        patch.setattr(processes, "PAUSE_SECONDS", 0.0)
        yield Jobs(home)
    for pid in workers(home):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def home(life: Jobs, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(life.folder))
    return life.folder


def workers(home: Path) -> list[int]:
    """Processes that work below `home`, by what they were started with."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            started = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"quick_worker" in started and f"CUT_HOME={home}".encode() in started:
            found.append(int(entry.name))
    return found


def until(jobs: Jobs, id: str, true: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job = jobs.get(id)
        if true(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}; {worker_log(jobs.folder, 'cpu').read_text()}")


def ended(jobs: Jobs, id: str) -> Job:
    return until(jobs, id, lambda job: not job.state.live)


def translates(job: Job) -> bool:
    assert job.model is not None
    return cut.load(job.model, device="cpu")(make_picture(64, 48)).size == (64, 48)


def saved_step(jobs: Jobs, id: str) -> int:
    with sqlite3.connect(jobs.folder / "jobs.db") as connection:
        return connection.execute("SELECT saved_step FROM jobs WHERE id = ?", (id,)).fetchone()[0]


def test_a_job_outlives_the_server_and_the_next_one_waits_its_turn(life: Jobs) -> None:
    server = subprocess.run([sys.executable, "-c", SERVER], capture_output=True, text=True)
    first = server.stdout.strip()
    assert first, server.stderr
    sets = [zip_of_pictures(3)], [zip_of_pictures(2, 9)]
    second = life.submit(request("cut", steps=5), *sets)
    if life.get(first).state == State.RUNNING:
        assert life.get(second.id).place == 1
    else:
        assert (life.get(first).place, life.get(second.id).place) == (1, 2)
    [worker] = workers(life.folder)
    assert os.getsid(worker) == worker, "a session of its own: no terminal takes it along"

    job = ended(life, first)
    assert (job.state, job.step, job.message) == (State.DONE, 30, "")
    assert translates(job)
    assert life.previews(first)[0].step == 0
    assert life.metrics(first)[-1].step == 30
    job = ended(life, second.id)
    assert (job.state, job.step) == (State.DONE, 5)
    assert translates(job)
    assert workers(life.folder) == [worker], "one worker did both"
    assert (life.get(second.id).started or 0) >= (life.get(first).ended or 0)


def test_stop_keeps_and_publishes(life: Jobs) -> None:
    id = life.submit(request(steps=LONG), *pair()).id
    waiting = life.submit(request(steps=LONG), *pair()).id
    until(life, id, lambda job: job.step >= 5)
    assert (life.get(waiting).state, life.get(waiting).place) == (State.QUEUED, 1)
    assert life.stop(waiting).state == State.STOPPED
    assert life.stop(id).state in (State.STOPPING, State.STOPPED)
    job = ended(life, id)
    assert job.state == State.STOPPED
    assert job.step >= 5
    assert job.model is not None
    assert find(job.model).config["steps"] == job.step
    assert translates(job)


def test_a_locked_database_neither_stops_training_nor_loses_rows(
    life: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = life.submit(request(steps=LONG), *pair()).id
    before = until(life, id, lambda job: job.step >= 2).step
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    holder = sqlite3.connect(life.folder / "jobs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(CutError, match="is locked by another program"):
        life.stop(id)
    assert life.get(id).state == State.RUNNING
    time.sleep(1.5)
    holder.execute("ROLLBACK")
    holder.close()
    monkeypatch.undo()
    monkeypatch.setenv("CUT_HOME", str(life.folder))
    until(life, id, lambda job: job.step > before)
    life.stop(id)
    job = ended(life, id)
    steps = [row.step for row in life.metrics(id)]
    assert (steps[0], steps[-1]) == (1, job.step)


def test_a_killed_worker_loses_no_more_than_what_followed_its_save(life: Jobs) -> None:
    id = life.submit(request(steps=LONG, overrides={"seed": "7"}), *pair()).id
    until(life, id, lambda job: saved_step(life, id) >= 5)
    [worker] = workers(life.folder)
    os.kill(worker, signal.SIGKILL)
    job = until(life, id, lambda job: job.state != State.RUNNING)
    saved = saved_step(life, id)
    assert (job.state, job.step) == (State.INTERRUPTED, saved)
    assert "was killed" in job.message
    behind = life.submit(request(steps=2), *pair()).id
    assert life.get(id).state in (State.INTERRUPTED, State.RUNNING)

    life.ensure_worker()
    job = until(life, id, lambda job: job.step > saved)
    assert job.state == State.RUNNING
    assert life.get(behind).state == State.QUEUED, "what was interrupted goes first"
    [other] = workers(life.folder)
    assert other != worker
    life.stop(id)
    job = ended(life, id)
    steps = [row.step for row in life.metrics(id)]
    assert steps == sorted(set(steps)), "no step is told twice"
    assert job.state == State.STOPPED
    assert translates(job)
    assert ended(life, behind).state == State.DONE


def test_no_number_fails_and_the_last_good_weights_stay(life: Jobs) -> None:
    id = life.submit(request(steps=LONG, overrides={"seed": str(SPOILT)}), *pair()).id
    job = ended(life, id)
    assert job.state == State.FAILED
    assert job.message.startswith("step 20: G is no longer a number; the last save is good")
    if job.model is not None:  # it saves by the clock: perhaps it made 20 steps before
        model = find(job.model)
        assert model.config["steps"] < 20
        weights = model.generator_state().values()
        assert all(value.isfinite().all() for value in weights)


def test_a_worker_that_is_told_to_leave_hands_its_job_on(life: Jobs) -> None:
    id = life.submit(request(steps=LONG), *pair()).id
    until(life, id, lambda job: job.step >= 3)
    [worker] = workers(life.folder)
    os.kill(worker, signal.SIGTERM)
    job = until(life, id, lambda job: job.state == State.INTERRUPTED)
    assert job.message == f"Its worker was told to leave; it goes on from step {job.step}."
    deadline = time.monotonic() + PATIENCE
    while workers(life.folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers(life.folder) == []
    assert saved_step(life, id) == job.step
    life.delete(id)
    assert not (life.folder / "jobs" / id).exists()
    assert worker_lock(life.folder, "cpu").exists()


def test_no_two_workers_for_one_device(life: Jobs) -> None:
    """The second finds the first one's lock and leaves, before it imports PyTorch."""
    command = [sys.executable, "-m", "cut.jobs.worker", "--device", "cpu"]
    with FileLock(worker_lock(life.folder, "cpu")):
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
