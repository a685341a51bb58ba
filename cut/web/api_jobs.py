"""What programs can do about training: start a job, watch it, stop it, fetch what it learned.

There is no endpoint that lists the jobs: whoever has an id, which cannot be guessed, may stop that
job and take its model along, so a program is told of those alone that it started.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from cut.config import quickest
from cut.errors import CutError
from cut.jobs import Job, Request, Upload
from cut.web.api import one_line_errors, refusals, store, uploaded
from cut.web.training.store import jobs
from cut.web.training.takeaways import checkpoint_zip

METHOD, PRESET, MINUTES, OVERRIDES = "sincut", "", 10, "{}"
LOOK_SECONDS = 1.0
"""Between two looks at a job that is watched; its worker reports twice a second."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Told = tuple[dict[str, Any], str | None]
"""A job, and the path of a file of it if there is one."""


def one_line_stream(
    function: Callable[Parameters, AsyncIterator[Result]],
) -> Callable[Parameters, AsyncIterator[Result]]:
    """As `one_line_errors`, for a stream of results."""

    @functools.wraps(function)
    async def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> AsyncIterator[Result]:
        with refusals():
            async for result in function(*args, **kwargs):
                yield result

    return guarded


@one_line_errors
def train_start(
    source: str,
    target: str,
    method: str = METHOD,
    preset: str = PRESET,
    minutes: float = MINUTES,
    title: str = "",
    overrides: str = OVERRIDES,
) -> dict[str, Any]:
    """Train a model that turns pictures like the source into pictures like the target.

    The job is queued and trains in a process of its own; it goes on when no one watches. Keep its
    id, which train_watch, train_stop and train_fetch ask for.

    Args:
        source: For sincut one picture, as a painting; for the other methods a zip of
            pictures.
        target: What the source should come to look like, as a photo; or a zip of such pictures.
        method: sincut learns from one picture a side, cut, fastcut and cyclegan from
            two sets.
        preset: A name of settings, for example paper; a wrong one is told the others, and none
            is the quickest: quick for sincut, compact for the others.
        minutes: Minutes of training, or null for the whole schedule of the preset.
        title: What the model makes, in a few words; made from the files' names if empty.
        overrides: Settings to change, a JSON object as text, for example {"lambda_nce": 8}.

    Returns:
        The job: its id, state, place in the queue, steps, times and settings.
    """
    return start_job(source, target, method, preset, minutes, title, overrides)


@one_line_stream
async def train_watch(job: str, seconds: float = 0) -> AsyncIterator[Told]:
    """Follow a training job until it ends, with its losses and its newest picture.

    Args:
        job: The id of the job, as train_start gives it.
        seconds: How long to follow it at most; 0 for as long as it trains.

    Returns:
        The job as it stands, and its newest losses by name.
        How its model translates by now, a JPEG; only where there is a newer one, and at the end.
    """
    async for told in watch_job(job, seconds):
        yield told


@one_line_errors
def train_stop(job: str) -> dict[str, Any]:
    """Stop a training job after its next step, and keep what it has learned.

    Args:
        job: The id of the job, as train_start gives it.

    Returns:
        The job as it stands: "stopping" until its model is kept, then "stopped".
    """
    return stop_job(job)


@one_line_errors
def train_fetch(job: str) -> Told:
    """Fetch the checkpoint that a training job made.

    Args:
        job: The id of the job, as train_start gives it.

    Returns:
        The job as it stands; `model` is what list_checkpoints and translate call the checkpoint,
            `model_back` what they call cyclegan's second one, from the target's kind to the
            source's.
        The checkpoint, a zip file of its folder.
    """
    return fetch_job(job)


def start_job(
    source: Any,
    target: Any,
    method: Any = METHOD,
    preset: Any = PRESET,
    minutes: Any = MINUTES,
    title: Any = "",
    overrides: Any = OVERRIDES,
) -> dict[str, Any]:
    """Queue a job for two uploaded files.

    Raises CutError for whatever is wrong with the arguments, which come from outside.
    """
    method = str(method or METHOD)
    request = Request(
        method,
        str(preset or quickest(method)),
        title=str(title or ""),
        minutes=parse_minutes(minutes),
        overrides=parse_overrides(overrides),
    )
    sides = _read(source, "source"), _read(target, "target")
    return told_of(jobs().submit(request, [sides[0]], [sides[1]]))


async def watch_job(job: Any, seconds: Any = 0) -> AsyncIterator[Told]:
    """The job with its losses and its newest picture, whenever something changed.

    It sleeps in the event loop: those who watch for hours take no thread from those who translate.
    """
    id, limit = parse_id(job), parse_seconds(seconds)
    until = time.monotonic() + limit if limit else float("inf")
    view, seen = _View(id), None
    while True:
        live, told = await asyncio.to_thread(view.look)
        ended = not live or time.monotonic() + LOOK_SECONDS > until
        if ended or told != seen:
            yield told, await asyncio.to_thread(view.newest_picture, ended)
        if ended:
            return
        seen = told
        await asyncio.sleep(LOOK_SECONDS)


def stop_job(job: Any) -> dict[str, Any]:
    """Ask the job to stop. Raises CutError if there is no such job."""
    return told_of(jobs().stop(parse_id(job)))


def fetch_job(job: Any) -> Told:
    """The job and the path of the zip file. Raises CutError where there is no checkpoint yet."""
    found = jobs().get(parse_id(job))
    if found.model is None:
        raise CutError(_no_checkpoint(found))
    path = store(checkpoint_zip(found.model), f"{found.model}.zip")
    return told_of(found), str(path)


def told_of(job: Job) -> dict[str, Any]:
    """A job as JSON takes it, and where the application shows it."""
    return dataclasses.asdict(job) | {"state": job.state.value, "page": f"/train?job={job.id}"}


class _View:
    """What was told of a job already: later looks give what is new."""

    def __init__(self, id: str) -> None:
        self.id, self.row, self.picture = id, 0, -1
        self.losses: dict[str, float] = {}

    def look(self) -> tuple[bool, dict[str, Any]]:
        """Whether the job is live, and the job with its newest losses."""
        mine = jobs()
        mine.ensure_worker()  # a job whose worker died goes on if anyone looks
        job = mine.get(self.id)
        rows = mine.metrics(self.id, self.row)
        if rows:
            self.row, self.losses = rows[-1].step, rows[-1].losses
        return job.state.live, told_of(job) | {"losses": self.losses}

    def newest_picture(self, anyway: bool) -> str | None:
        """The path of the newest picture if there is one; one that is known only if `anyway`."""
        previews = jobs().previews(self.id)
        if not previews or (previews[-1].step == self.picture and not anyway):
            return None
        try:
            content = previews[-1].path.read_bytes()
        except OSError:  # the job was deleted in this moment
            return None
        self.picture = previews[-1].step
        return str(store(content, f"{self.id}-{self.picture}.jpg"))


def parse_id(value: Any) -> str:
    """The id that `value` means; whether there is such a job shows later."""
    if not value:
        raise CutError("There is no job to look for: send its id, which train_start gives.")
    return str(value).strip()[:80]


def parse_minutes(value: Any) -> float | None:
    """The minutes that `value` means; None for nothing, which is the whole schedule."""
    if value is None or value == "":
        return None
    return _number(value, "minutes are none: give a number, or null for the whole schedule")


def parse_seconds(value: Any) -> float:
    """The seconds to watch for; 0 for as long as the job trains."""
    told = "seconds are none: give a number, or 0 to watch to the end"
    seconds = _number(value or 0, told)
    if not 0 <= seconds < float("inf"):
        raise CutError(f"The {_told(value)} {told}.")
    return seconds


def parse_overrides(value: Any) -> dict[str, str]:
    """The settings that a JSON object, or its text, means: as `train --set` writes them."""
    if value is None or value == "":
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CutError(
            f"The overrides {_told(value)} are no JSON object of settings: "
            'write as {"lambda_nce": 8}.'
        )
    return {str(key): _setting(str(key), given) for key, given in found.items()}


def _setting(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_setting(key, part) for part in value)
    if isinstance(value, dict):
        raise CutError(f"setting {key}: {_told(value)} is no value; give a number or text")
    return value if isinstance(value, str) else json.dumps(value).replace("null", "none")


def _number(value: Any, told: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise CutError(f"The {_told(value)} {told}.") from None


def _read(file: Any, side: str) -> Upload:
    if not file:
        raise CutError(f"There is no {side}: send a picture, or a zip of pictures, as `{side}`.")
    path: Path = uploaded(file)
    try:
        return Upload(path.name, path.read_bytes())
    except OSError as error:
        raise CutError(f"The {side} cannot be read: {error.strerror}; send it again.") from error


def _no_checkpoint(job: Job) -> str:
    if job.state.live:
        return (
            f"{job.title} is {job.state} and has no checkpoint yet: watch it to its end, or stop it"
        )
    if job.state == "failed":
        return f"{job.title} failed before a checkpoint was kept: {job.message}"
    return f"{job.title} is {job.state} and has no checkpoint: none was kept, or it was removed"


def _told(value: Any) -> str:
    return repr(value)[:40]
