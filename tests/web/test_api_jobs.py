"""What stands behind the endpoints for training jobs, without a server and without a worker."""

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from cut.errors import CutError
from cut.jobs import Job, Jobs, Metric, State, processes
from cut.jobs.places import job_folder
from cut.jobs.store import Progress, Store
from cut.web import api_jobs, gradio_jobs
from tests.helpers import make_checkpoint
from tests.jobs.made import PAIR, SETS, picture_bytes, zip_of_pictures
from tests.web.serving import run_async

TINY = PAIR | {
    "ngf": "2",
    "ndf": "2",
    "patches": "1",
    "steps": "20",
    "init": "random",
    "colour_steps": "0",
    "lambda_colour": "0",
    "load_size": "none",
}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments that are right, without a server and without a worker."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(processes, "start", lambda *_: None)
    monkeypatch.setattr(api_jobs, "LOOK_SECONDS", 0.01)
    (tmp_path / "monet.png").write_bytes(picture_bytes(1))
    (tmp_path / "etretat.png").write_bytes(picture_bytes(2, 70, 90))
    source, target = str(tmp_path / "monet.png"), str(tmp_path / "etretat.png")
    return {"source": source, "target": target, "overrides": json.dumps(TINY)}


@pytest.fixture
def started(asked: dict[str, Any]) -> str:
    """The id of a job that waits."""
    return api_jobs.start_job(**asked)["id"]


@pytest.fixture
def rows(tmp_path: Path) -> Store:
    """What a worker would write to."""
    return Store(tmp_path / "home" / "jobs.db")


def watched(job: Any, seconds: Any = 0) -> list[api_jobs.Told]:
    async def collect() -> list[api_jobs.Told]:
        return [told async for told in api_jobs.train_watch(job, seconds)]

    return run_async(collect())


def show(rows: Store, job: str, step: int) -> None:
    folder = job_folder(rows.database.path.parent, job) / "previews"
    folder.mkdir(exist_ok=True)
    (folder / f"{step}.jpg").write_bytes(picture_bytes(step))
    rows.shown(job, step, 1.0, f"{step}.jpg")


def test_a_job_is_started_and_told_as_json(asked: dict[str, Any]) -> None:
    told = api_jobs.train_start(**asked, minutes=3)
    assert json.loads(json.dumps(told)) == told
    assert (told["state"], told["place"], told["minutes"]) == ("queued", 1, 3)
    assert told["title"] == "monet to etretat"
    assert (told["method"], told["preset"], told["total"]) == ("sincut", "quick", 20)
    assert told["page"] == f"/train?job={told['id']}"
    assert Jobs().get(told["id"]).overrides == TINY


def test_sets_are_sent_as_zips(asked: dict[str, Any], tmp_path: Path) -> None:
    for side, seed in (("source", 0), ("target", 9)):
        asked[side] = str(tmp_path / f"{side}.zip")
        Path(asked[side]).write_bytes(zip_of_pictures(3, seed).data)
    asked |= {"overrides": json.dumps(SETS | {"epochs": 1}), "minutes": None, "title": " Mine "}
    told = api_jobs.start_job(**asked, method="cut")
    assert told["preset"] == "compact", "the quickest there is"
    assert (told["sources"], told["targets"]) == (3, 3)
    assert (told["minutes"], told["title"]) == (None, "Mine")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"source": None}, "There is no source: send a picture"),
        ({"target": ""}, "There is no target"),
        ({"source": "/etc/passwd"}, "was not uploaded"),
        ({"source": "{tmp}/absent.png"}, "cannot be read: No such file"),
        ({"target": "{tmp}/words.png"}, "words.png"),
        ({"target": "{tmp}/monet.png"}, "the same picture"),
        ({"method": "gan"}, "no method 'gan': choose"),
        ({"preset": "best"}, "no preset 'best' for sincut: choose"),
        ({"method": "cut", "preset": "paper", "overrides": ""}, "at least 2 are needed"),
        ({"overrides": "{"}, "The overrides '{' are no JSON object"),
        ({"overrides": "[1]"}, "are no JSON object"),
        ({"overrides": '{"ngf": {}}'}, "setting ngf: {} is no value"),
        ({"overrides": '{"ngf": "wide"}'}, "setting ngf=wide: not a whole number"),
        ({"overrides": '{"colour": 1}'}, "no setting 'colour'"),
        ({"overrides": '{"learning_rate": 0}'}, "setting learning_rate=0: above 0 to 1"),
        ({"overrides": '{"temperature": NaN}'}, "setting temperature=nan: from 0.001 to 100"),
        ({"overrides": '{"beta2": 1}'}, "setting beta2=1: from 0 to under 1"),
        ({"minutes": "long"}, "The 'long' minutes are none"),
        ({"minutes": 0}, "0 minutes: a job trains for more than 0"),
        ({"minutes": "nan"}, "nan minutes"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    asked: dict[str, Any], tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    (tmp_path / "words.png").write_text("not a picture")
    for name, value in changed.items():
        asked[name] = value.replace("{tmp}", str(tmp_path)) if isinstance(value, str) else value
    with pytest.raises(CutError) as refused:
        api_jobs.start_job(**asked)
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert Jobs().list() == []


@pytest.mark.parametrize("value", [None, "", "{}", {}])
def test_no_overrides(value: object) -> None:
    assert api_jobs.parse_overrides(value) == {}


def test_overrides_are_written_as_the_command_line_does() -> None:
    given = {"layers": [0, 4], "load_size": None, "flip": True, "lr": 0.0002, "init": "random"}
    meant = {"layers": "0,4", "load_size": "none", "flip": "true", "lr": "0.0002", "init": "random"}
    assert api_jobs.parse_overrides(json.dumps(given)) == meant


@pytest.mark.parametrize("job", [None, "", "nobody", "../../etc", 5, "x" * 1000])
def test_a_job_that_is_not_there_is_told(asked: dict[str, Any], job: Any) -> None:
    for function in (api_jobs.train_stop, api_jobs.train_fetch, watched):
        with pytest.raises(gr.Error) as refused:
            function(job)
        assert "job" in refused.value.message
        assert len(refused.value.message.splitlines()) == 1
        assert len(refused.value.message) < 200


def test_watching_ends_with_the_job_and_tells_what_is_new(
    started: str, rows: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report(step: int) -> None:
        losses = [Metric(step, float(step), {"NCE": 1.0 / step})]
        rows.report(started, Progress(step, 20, float(step), 2.0, 1.0, losses))

    # What happens after one look at the job, before the one for a picture.
    acts = iter(
        [
            lambda: rows.claim(processes.lane_of("cpu")),
            lambda: (report(1), show(rows, started, 1)),
            lambda: report(2),
            lambda: None,
            lambda: rows.finish(started, State.DONE, "", True),
            lambda: None,
        ]
    )
    look = api_jobs._View.look

    def acted(view: Any) -> Any:
        seen = look(view)
        next(acts)()
        return seen

    monkeypatch.setattr(processes, "sweep", lambda *_: None)  # no worker holds the lock
    monkeypatch.setattr(api_jobs._View, "look", acted)
    told = watched(started)
    assert [job["state"] for job, _ in told] == ["queued", "running", "running", "running", "done"]
    assert [job["losses"] for job, _ in told] == [{}, {}, {"NCE": 1.0}, {"NCE": 0.5}, {"NCE": 0.5}]
    assert [picture is not None for _, picture in told] == [False, True, False, False, True]
    with Image.open(str(told[-1][1])) as picture:
        assert picture.size == (80, 64)


def test_watching_ends_when_its_time_is_up(started: str) -> None:
    told = watched(started, seconds=0.05)
    assert told[0][0]["state"] == told[-1][0]["state"] == "queued"
    for wrong in ("long", -1, "inf"):
        with pytest.raises(gr.Error):
            watched(started, wrong)


def test_a_job_is_stopped_and_has_no_checkpoint_yet(started: str) -> None:
    with pytest.raises(CutError, match="is queued and has no checkpoint yet: watch it"):
        api_jobs.fetch_job(started)
    assert api_jobs.train_stop(started)["state"] == "stopped"
    with pytest.raises(CutError, match="is stopped and has no checkpoint"):
        api_jobs.fetch_job(started)


def test_a_checkpoint_is_fetched_as_a_zip(started: str, rows: Store, tmp_path: Path) -> None:
    name = rows.row(started)["model"]
    make_checkpoint(tmp_path / "home" / "checkpoints" / name, ngf=4, blocks=2)
    rows.finish(started, State.DONE, "", True)
    told, path = api_jobs.train_fetch(started)
    assert told["model"] == name
    assert Path(str(path)).name == f"{name}.zip"
    assert f"{name}/config.json" in zipfile.ZipFile(str(path)).namelist()


def test_a_failed_job_says_why_it_has_no_checkpoint(started: str, rows: Store) -> None:
    rows.finish(started, State.FAILED, "a loss is no number", False)
    with pytest.raises(CutError, match="failed before a checkpoint was kept: a loss is no number"):
        api_jobs.fetch_job(started)


def test_how_a_job_stands_is_told_in_a_line(started: str) -> None:
    job: Job = Jobs().get(started)
    told = api_jobs.told_of(job)
    assert gradio_jobs._line(told) == "**queued**, number 1 in the queue: step 0 of 20"
    changes = {"state": State.RUNNING, "place": 0, "seconds_left": 130.0, "message": "Scaled."}
    told = api_jobs.told_of(dataclasses.replace(job, **changes))
    assert gradio_jobs._line(told) == "**running**: step 0 of 20, 2 min left. Scaled."
