"""What a training job is: what is asked for, what is shown of it, the states it goes through."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class State(enum.StrEnum):
    """Where a job stands.

    A stopped, done or failed job can be resumed. An interrupted one lost its worker (killed, or
    the machine went down) and goes on by itself, from its last save, once there is a worker again.
    """

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def live(self) -> bool:
        """Whether the job will still change without anyone asking."""
        return self in (State.QUEUED, State.RUNNING, State.STOPPING, State.INTERRUPTED)


@dataclass(frozen=True)
class Request:
    """What a person asks for; `Jobs.submit` checks it."""

    method: str  # sincut, cut, fastcut or cyclegan
    preset: str = "quick"  # a name in cut.config.PRESETS[method]
    title: str = ""  # shown to people; made from the pictures' names where it is empty
    minutes: float | None = None  # of training, all sittings together; None: the schedule's end
    overrides: Mapping[str, str] = field(default_factory=dict)  # settings, as `train --set`
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class Upload:
    """One uploaded file: a picture, or a zip of pictures."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Job:
    """A job as it stood when it was looked at."""

    id: str  # cannot be guessed; letters and digits
    title: str
    method: str
    preset: str
    state: State
    message: str  # one line: why it failed or was interrupted, or a note on its pictures; or ""
    place: int  # in the line of its device, from 1, while it is queued; else 0
    step: int  # made so far
    total: int  # of the schedule
    seconds: float  # trained so far
    minutes: float | None  # as in Request
    steps_per_second: float | None  # of the last seconds in which it ran
    seconds_left: float | None  # to the end of the time or of the schedule, while it runs
    memory_gb: float | None  # of the worker, while it runs
    device: str  # one line for people, see Placement.describe; "" until it ran
    created: float  # these three in seconds since the epoch
    started: float | None
    ended: float | None
    model: str | None  # its name in the library, once it is there
    model_back: str | None  # the same of CycleGAN's from the targets to the sources
    overrides: dict[str, str]
    sources: int  # pictures that it trains on
    targets: int


@dataclass(frozen=True)
class Metric:
    """Losses, each averaged over the steps since the row before."""

    step: int
    seconds: float  # trained until then
    losses: dict[str, float]


@dataclass(frozen=True)
class PreviewPicture:
    """How the model translated at a step: the source picture, or a grid of some of a set."""

    step: int
    seconds: float  # trained until then
    path: Path  # a JPEG
