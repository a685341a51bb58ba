"""What the tests of the page Train share: jobs as a worker leaves them, and what a page shows."""

import json
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from cut.jobs import Job, Jobs, Metric, Request, State
from cut.jobs.places import job_folder
from cut.jobs.store import Progress, Store
from tests.helpers import make_checkpoint
from tests.jobs.made import PAIR, pair, picture_bytes

OpenTrain = Callable[..., AppTest]


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


def ended(
    jobs: Jobs, job: Job, state: State, message: str = "", trained_side: int | None = None
) -> None:
    """Let `job` end as a worker would, with a model in the library."""
    store = trained(jobs, job)
    name = Store(jobs.folder / "jobs.db").row(job.id)["model"]
    folder = jobs.folder / "checkpoints" / name
    make_checkpoint(folder, ngf=4)
    # The stand-in is of another method, which always has a size; single-image CUT need not.
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["load_size"] = trained_side
    (folder / "config.json").write_text(json.dumps(config))
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
