"""`python -m cut jobs`: what it prints, and bad input in one line; without any worker."""

import json
from typing import Any

import pytest

from cut.cli import main
from cut.jobs import Jobs, Metric, State
from cut.jobs.store import Progress, Store
from tests.jobs.made import pair, request


@pytest.fixture
def store(jobs: Jobs) -> Store:
    return Store(jobs.folder / "jobs.db")


def last_line(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_list(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list"]) == 0
    assert capsys.readouterr().out.startswith("no jobs yet in ")
    first = jobs.submit(request(title="Étretat"), *pair())
    second = jobs.submit(request(steps=2000), *pair())
    assert main(["jobs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == (
        f"{second.id} queued, place 2 0 of 2,000 painting to photo"
    )
    assert lines[1].endswith("Étretat")
    assert main(["jobs", "list", "--json"]) == 0
    found = last_line(capsys)["jobs"]
    assert [job["id"] for job in found] == [second.id, first.id]
    assert (found[1]["state"], found[1]["place"], found[1]["title"]) == ("queued", 1, "Étretat")


def test_watch_follows_a_job_to_its_end(
    jobs: Jobs, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    id = jobs.submit(request(), *pair()).id
    store.claim("cpu")
    store.report(id, Progress(12, 30, 6.0, 2.0, 0.5, [Metric(12, 6.0, {"NCE": 1.234})]))
    monkeypatch.setattr(
        "cut.jobs.service.processes.sweep",
        lambda home, store: store.finish(id, State.FAILED, "it broke", False),
    )
    assert main(["jobs", "watch", id, "--json"]) == 0
    captured = capsys.readouterr()
    assert "NCE=1.23" in captured.err
    assert "12/30" in captured.err
    told = json.loads(captured.out.splitlines()[-1])
    assert (told["id"], told["state"], told["message"]) == (id, "failed", "it broke")


def test_leaving_the_watch_leaves_the_job(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    id = jobs.submit(request(), *pair()).id

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cut.jobs.service.time.sleep", interrupted)
    assert main(["jobs", "watch", id]) == 0
    captured = capsys.readouterr()
    assert f"the job goes on; to stop it: python -m cut jobs stop {id}" in captured.err
    assert "painting to photo: queued, place 1, 0 of 30 steps" in captured.out
    assert jobs.get(id).state == State.QUEUED


def test_stop_resume_delete(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    id = jobs.submit(request(minutes=3), *pair()).id
    assert main(["jobs", "stop", id, "--json"]) == 0
    assert last_line(capsys)["state"] == "stopped"
    assert main(["jobs", "resume", id, "--minutes", "7", "--json"]) == 0
    assert last_line(capsys)["minutes"] == 7
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert main(["jobs", "delete", id]) == 0
    assert capsys.readouterr().out == "kept\n"
    assert main(["jobs", "delete", id, "--yes", "--json"]) == 0
    assert last_line(capsys) == {"deleted": id}
    assert jobs.list() == []


@pytest.mark.parametrize("action", ["watch", "stop", "resume", "delete"])
def test_no_such_job(jobs: Jobs, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", action, "nothing"]) == 2
    captured = capsys.readouterr()
    expected = "cut: there is no job 'nothing': it was deleted, or the link is wrong\n"
    assert (captured.out, captured.err) == ("", expected)


def test_more_than_can_be_had(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    id = jobs.submit(request(), *pair()).id
    jobs.stop(id)
    assert main(["jobs", "resume", id, "--minutes", "-5"]) == 2
    assert capsys.readouterr().err.startswith("cut: -5 minutes: a job trains for more than 0")
