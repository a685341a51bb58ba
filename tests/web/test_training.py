"""What the Train page says and keeps: plans, words, losses, counts, and pictures by address."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cut.config import PRESETS, preset, with_overrides
from cut.jobs import Job, Jobs, Metric, State, processes
from cut.jobs.places import job_folder
from cut.jobs.store import Store
from cut.web.job_files import folder_of, furnish_job_files
from cut.web.training import plans, series, words
from cut.web.training.counting import count_pictures
from cut.web.training.helps import HELPS
from tests.jobs.made import pair, picture_bytes, request, upload, zip_of_pictures, zipped


def make_job(**changes: Any) -> Job:
    values: dict[str, Any] = {field.name: None for field in dataclasses.fields(Job)}
    values |= {"state": State.RUNNING, "step": 40, "total": 100, "seconds": 30.0, "place": 0}
    values |= {"started": 1.0}
    return Job(**(values | {"message": "", "overrides": {}} | changes))


@pytest.mark.parametrize("method", ["sincut", *plans.SET_METHODS])
def test_every_plan_makes_settings_that_hold_together(method: str) -> None:
    assert plans.plans(method)
    for plan in plans.plans(method):
        settings = PRESETS[method][plan.preset]
        assert plan.minutes in plans.MINUTES
        for detail in plans.DETAIL:
            for structure in plans.STRUCTURE:
                changed = plans.overrides(settings, detail, structure, {})
                with_overrides(settings, changed)
                assert bool(changed) == ((detail, structure) != ("Balanced", "Balanced"))


def test_the_structure_is_lambda_nce_and_advanced_outdoes_it() -> None:
    settings = preset("sincut")
    assert plans.overrides(settings, "Balanced", "More", {}) == {"lambda_nce": "8"}
    advanced = {"lambda_nce": " 3 ", "ngf": ""}
    assert plans.overrides(settings, "Balanced", "More", advanced) == {"lambda_nce": "3"}


@pytest.mark.parametrize("method", ["sincut", "cut", "cyclegan"])
def test_what_stands_in_grey_under_advanced_is_the_preset(method: str) -> None:
    settings = preset(method)
    shown = plans.advanced_fields(settings)
    assert set(shown) <= set(HELPS), "each is explained"
    assert "method" not in shown
    typed = with_overrides(settings, shown)
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        wanted = pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
        assert getattr(typed, field.name) == wanted


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (1500, "25 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_span_of_time_in_words(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told


def test_a_moment_in_words() -> None:
    passed = [5, 60, 3 * 3600 + 5, 2 * 86400]
    told = [words.ago(1e9 - seconds, now=1e9) for seconds in passed]
    assert told == ["just now", "1 minute ago", "3 hours ago", "2 days ago"]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_label_and_a_sentence(state: State) -> None:
    assert words.label(make_job(state=state))
    for step in (0, 40):
        told = words.standing(make_job(state=state, step=step, place=1))
        assert told.endswith(".")
    assert ("2 wait before it" in words.standing(make_job(state=state, place=3))) == (
        state == State.QUEUED
    )


def test_progress_is_that_of_time_or_schedule_whichever_ends_first() -> None:
    assert words.progress(make_job()) == pytest.approx(0.4)
    assert words.progress(make_job(minutes=1)) == pytest.approx(0.5)
    assert words.progress(make_job(seconds=600, minutes=1)) == 1.0


def test_losses_are_averaged_to_what_can_be_drawn() -> None:
    rows = [Metric(k, k / 10, {"NCE": float(k), "idt": 1.0}) for k in range(1, 1601)]
    drawn = series.panels(rows)
    assert [panel["title"] for panel in drawn] == ["Structure", "Leaving photos alone"]
    points = drawn[0]["lines"][0]["points"]
    assert len(points) == series.MOST_POINTS
    assert points[0] == [10, 5.5]
    assert points[-1] == [1600, 1595.5]


def test_a_new_loss_is_drawn_under_its_own_name() -> None:
    rows = [Metric(1, 0.1, {"NCE": 1.0, "sharpness": 2.0, "G": 3.0})]
    assert [panel["title"] for panel in series.panels(rows)] == ["Structure", "sharpness"]


def test_of_two_sets_no_panel_tells_of_paintings_and_photos() -> None:
    names = [name for panel in series.PANELS for name in panel.lines]
    drawn = series.panels([Metric(1, 0.1, dict.fromkeys(names, 1.0))], pair=False)
    assert "NCE, A's places" in str(drawn)
    assert "paint" not in str(drawn)
    assert "photo" not in str(drawn)


def test_losses_of_steps_that_a_job_lost_are_not_drawn() -> None:
    class Told:
        rows: ClassVar = [Metric(k, 0.1, {"NCE": 1.0}) for k in range(1, 22)]

        def metrics(self, id: str, after: int) -> list[Metric]:
            return [row for row in self.rows if row.step > after]

    ledger, told = series.Ledger(), Told()
    assert [row.step for row in ledger.read(told, "a", 21)][-1] == 21  # type: ignore[arg-type]
    told.rows = told.rows[:15]  # its worker died, and it went back to its last save
    assert [row.step for row in ledger.read(told, "a", 15)][-1] == 15  # type: ignore[arg-type]


def test_memory_stays_bounded_however_long_a_job_is() -> None:
    losses = series.Losses()
    for start in range(1, 30_000, 500):
        losses.add([Metric(k, 0.0, {"NCE": 2.0}) for k in range(start, start + 500)])
        assert len(losses.rows) <= series.MOST_ROWS
    assert losses.rows[-1].step == losses.last == 30_000
    assert {row.losses["NCE"] for row in losses.rows} == {2.0}


def test_a_set_is_counted_before_it_is_checked() -> None:
    files = [upload("one.png"), zip_of_pictures(3)]
    assert count_pictures(files).words == "4 pictures."
    assert count_pictures(files).complaint == ""
    assert "At least 2" in count_pictures(files[:1]).complaint
    assert "holds no pictures" in count_pictures([zipped({"notes.txt": b"x"})]).complaint


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setattr(processes, "start", lambda *_: None)
    return Jobs(tmp_path)


def test_a_jobs_pictures_have_addresses(jobs: Jobs) -> None:
    job = jobs.submit(request(), *pair())
    folder = job_folder(jobs.folder, job.id) / "previews"
    folder.mkdir()
    (folder / "0000007.jpg").write_bytes(picture_bytes(3))
    Store(jobs.folder / "jobs.db").shown(job.id, 7, 1.0, "0000007.jpg")
    app = FastAPI()
    furnish_job_files(app)
    client = TestClient(app)
    base = f"/{folder_of(job.id)}"
    for name in ("source.jpg", "source/thumbnail.jpg", "7.jpg", "7/thumbnail.jpg"):
        answer = client.get(f"{base}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
    for missing in (f"{base}/8.jpg", f"{base}/8/thumbnail.jpg", "/training/nobody/source.jpg"):
        assert client.get(missing).status_code == 404
    jobs.delete(job.id)
    assert client.get(f"{base}/7.jpg").status_code == 404


def test_a_start_that_takes_long_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(words.time, "time", lambda: now)
    assert "within seconds" in words.standing(make_job(step=0, started=now - 5))
    assert "busy with other things" in words.standing(make_job(step=0, started=now - 60))
