"""The rows of jobs: who may change them, in which order they go, what a dead worker leaves."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cut.errors import CutError
from cut.jobs import LIMITS, Metric, State, store
from cut.jobs.store import Progress, Store

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process is writing to the database, and takes its time."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate()


@pytest.fixture
def jobs(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "jobs.db")


def add(jobs: Store, job: str, lane: str = "cpu", **values: object) -> None:
    made = {
        "id": job,
        "title": f"Title of {job}",
        "method": "sincut",
        "preset": "paper",
        "overrides": "{}",
        "device": "auto",
        "precision": "auto",
        "lane": lane,
        "minutes": None,
        "sources": 1,
        "targets": 1,
        "note": "",
        "model": f"model-{job}",
        "total": 100,
    }
    jobs.add(made | values)


def state(jobs: Store, job: str) -> str:
    return jobs.row(job)["state"]


def places(jobs: Store) -> dict[str, int]:
    return {row["id"]: row["place"] for row in jobs.rows()}


def test_jobs_are_taken_in_order_and_know_their_place(jobs: Store) -> None:
    for job in "abc":
        add(jobs, job)
    add(jobs, "other", lane="cuda:0")
    assert places(jobs) == {"a": 1, "b": 2, "c": 3, "other": 1}
    assert [row["id"] for row in jobs.rows()] == ["other", "c", "b", "a"], "newest first"
    assert jobs.claim("cpu")["id"] == "a"
    assert (state(jobs, "a"), places(jobs)) == ("running", {"a": 0, "b": 1, "c": 2, "other": 1})
    assert jobs.lanes_waiting() == {"cpu", "cuda:0"}
    assert jobs.lanes_at_work() == {"cpu"}
    jobs.ask_to_stop("b")
    assert places(jobs)["c"] == 1
    assert [jobs.claim("cpu")["id"], jobs.claim("cpu")] == ["c", None]


def test_two_workers_never_take_one_job(jobs: Store) -> None:
    for k in range(12):
        add(jobs, f"job{k}")
    taken: list[str] = []

    def work() -> None:
        while row := jobs.claim("cpu"):
            taken.append(row["id"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"job{k}" for k in range(12))


def test_a_queued_job_stops_at_once_and_a_running_one_is_told(jobs: Store) -> None:
    add(jobs, "a")
    jobs.ask_to_stop("a")
    assert state(jobs, "a") == "stopped"
    assert jobs.row("a")["ended"] is not None
    add(jobs, "b")
    jobs.claim("cpu")
    progress = Progress(5, 100, 2.5, 2.0, 0.5, [Metric(4, 2.0, {"G": 1.5}), Metric(5, 2.5, {})])
    assert not jobs.report("b", progress)
    jobs.ask_to_stop("b")
    assert state(jobs, "b") == "stopping"
    assert jobs.report("b", replace(progress, step=6, metrics=()))
    assert not jobs.finish("b", State.STOPPED, "", published=True)
    row = jobs.row("b")
    assert (row["state"], row["step"], row["rate"], row["published"]) == ("stopped", 6, 2.0, 1)
    assert [(m["step"], m["losses"]) for m in jobs.metrics("b", 0)] == [
        (4, '{"G": 1.5}'),
        (5, "{}"),
    ]
    assert [m["step"] for m in jobs.metrics("b", 4)] == [5]
    jobs.ask_to_stop("b")
    assert state(jobs, "b") == "stopped", "asking again changes nothing"


def test_what_ended_is_queued_again_behind_the_others(jobs: Store) -> None:
    for job in "ab":
        add(jobs, job)
    jobs.ask_to_stop("a")
    assert jobs.queue_again("a", 12.5)
    assert places(jobs) == {"b": 1, "a": 2}
    assert jobs.row("a")["minutes"] == 12.5
    assert not jobs.queue_again("a", 1.0), "it is queued already"
    jobs.claim("cpu")
    assert not jobs.queue_again("b", 1.0), "it runs"


def test_what_a_dead_worker_leaves_goes_first_and_on_from_its_save(jobs: Store) -> None:
    for job in "ab":
        add(jobs, job)
    jobs.claim("cpu")
    jobs.saved("a", 50, 25.0)
    jobs.report(
        "a", Progress(70, 100, 35.0, 2.0, 1.0, [Metric(50, 25.0, {}), Metric(70, 35.0, {})])
    )
    for step in (48, 60):
        jobs.shown("a", step, step / 2, f"{step}.jpg")
    assert jobs.abandon("cuda:0") == []
    assert state(jobs, "a") == "running", "another device's"
    assert jobs.abandon("cpu") == []
    row = jobs.row("a")
    assert (row["state"], row["step"], row["seconds"]) == ("interrupted", 50, 25.0)
    assert row["message"].endswith("it goes on from step 50.")
    assert places(jobs) == {"a": 0, "b": 2}, "it goes before what is queued"
    assert jobs.claim("cpu")["id"] == "a"
    assert [m["step"] for m in jobs.metrics("a", 0)] == [50], "what is trained again is told again"
    assert [p["step"] for p in jobs.previews("a")] == [48]


def test_deaths_are_counted_between_saves(jobs: Store) -> None:
    add(jobs, "a")
    for saved, deaths in [(0, 1), (0, 2), (30, 1), (30, 2), (30, 3)]:
        jobs.claim("cpu")
        jobs.saved("a", saved, 1.0)
        jobs.abandon("cpu")
        assert jobs.row("a")["deaths"] == deaths
    jobs.claim("cpu")
    jobs.finish("a", State.FAILED, "died", published=False)
    jobs.queue_again("a", None)
    assert jobs.row("a")["deaths"] == 0, "who asks for it again gives it another chance"


def test_stopping_an_interrupted_job(jobs: Store) -> None:
    for job, saved in (("a", 0), ("b", 9)):
        add(jobs, job)
        jobs.claim("cpu")
        jobs.saved(job, saved, 1.0)
        jobs.abandon("cpu")
        jobs.ask_to_stop(job)
    assert state(jobs, "a") == "stopped", "there is nothing to keep"
    assert state(jobs, "b") == "interrupted"
    row = jobs.claim("cpu")
    assert (row["id"], row["state"], row["stop_asked"]) == ("b", "stopping", 1)


def test_deleting(jobs: Store) -> None:
    for job in "abc":
        add(jobs, job)
    assert jobs.forget("c")
    jobs.claim("cpu")
    jobs.report("a", Progress(1, 100, 1.0, None, None, [Metric(1, 1.0, {})]))
    assert not jobs.forget("a"), "its worker removes it"
    with pytest.raises(CutError, match=r"there is no job 'a'"):
        jobs.row("a")
    assert [row["id"] for row in jobs.rows()] == ["b"]
    assert jobs.is_forgotten("a")
    assert jobs.report("a", Progress(2, 100, 1.0, None, None))
    assert jobs.finish("a", State.STOPPED, "", published=False)
    assert jobs.metrics("a", 0) == []
    jobs.claim("cpu")
    jobs.forget("b")
    assert jobs.abandon("cpu") == ["b"], "its worker died first"
    assert jobs.abandon("cpu") == []


def test_the_line_is_only_so_long(jobs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMITS", replace(LIMITS, queue=2))
    for job in "ab":
        add(jobs, job)
    for act in (jobs.refuse_full, lambda: add(jobs, "c")):
        with pytest.raises(CutError, match="2 jobs wait or run already"):
            act()
    jobs.ask_to_stop("a")
    add(jobs, "c")
    with pytest.raises(CutError, match="2 jobs wait or run already"):
        jobs.queue_again("a", None)


def test_no_such_job(jobs: Store) -> None:
    with pytest.raises(
        CutError, match=r"there is no job '\.\./\.\./etc': it was deleted, or the link"
    ):
        jobs.row("../../etc")


def test_another_process_holds_it_locked(jobs: Store) -> None:
    add(jobs, "a")
    path = jobs.database.path
    impatient = Store(path, patience=0.2)
    with locked(path):
        assert impatient.row("a")["state"] == "queued", "reading goes on"
        with pytest.raises(CutError) as caught:
            impatient.ask_to_stop("a")
    assert str(caught.value) == (
        f"{path} is locked by another program: close it, or try again in a moment; nothing is lost"
    )
    impatient.ask_to_stop("a")
    assert state(jobs, "a") == "stopped"


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"these are no jobs at all" * 99)
    with pytest.raises(CutError, match=r"jobs\.db is damaged: move it away"):
        Store(path).rows()
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(CutError, match="of another version of this software"):
        Store(path).rows()
    path.unlink()
    path.mkdir()
    with pytest.raises(CutError, match=r"cannot use .*: unable to open database file"):
        Store(path).rows()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(CutError, match=r"cannot make .*file"):
        Store(in_the_way / "jobs.db").rows()


def test_write_ahead_logging(jobs: Store) -> None:
    jobs.rows()
    with sqlite3.connect(jobs.database.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_making_the_tables_at_once(tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def look() -> None:
        try:
            Store(tmp_path / "jobs.db").rows()
        except CutError as error:
            faults.append(error)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
