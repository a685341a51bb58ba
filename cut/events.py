"""What a training run tells whoever drives it: see `cut.trainer.Run.train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """A step was made: `step` of `total` (from 1), its losses, and the seconds it took."""

    step: int
    total: int
    losses: dict[str, float]
    seconds: float
    learning_rate: float


@dataclass(frozen=True)
class Preview:
    """How the averaged weights translate, as a PIL picture: see `cut.previews.preview`."""

    step: int
    picture: Any
    seconds: float  # that it took


@dataclass(frozen=True)
class Saved:
    """The run was saved: `folder` is a checkpoint that translates."""

    step: int
    folder: Path


@dataclass(frozen=True)
class Scored:
    """The averaged weights were scored (KID-lite0), and kept if they are the `best` so far."""

    step: int
    value: float
    doing_nothing: float
    best: bool


@dataclass(frozen=True)
class Skipped:
    """A picture could not be read and another took its place; `total` such pictures so far."""

    message: str
    total: int


Event = Step | Preview | Saved | Scored | Skipped
