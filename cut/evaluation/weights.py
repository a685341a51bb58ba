"""The weights of a training run, each as a model: the last, their running average, the best.

What a run keeps, and why, is told in `cut.trainer`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from cut.checkpoints import NAME, Checkpoint, read_checkpoint, write_checkpoint
from cut.errors import CutError
from cut.evaluation import WEIGHTS
from cut.home import home

_JOB = re.compile(r"[0-9a-f]{24}")


def find_run(name: str) -> Path:
    """Return the folder of a run, by the run's name, the job's id, or the folder itself.

    Raises:
        CutError: there is none, or nothing was saved in it yet.
    """
    places = [Path(name).expanduser()]
    if NAME.fullmatch(name):
        places.insert(0, home() / "runs" / name)
    if _JOB.fullmatch(name):
        places.insert(0, home() / "jobs" / name / "run")
    for place in places:
        if (place / "state.pt").is_file() and (place / "last" / "config.json").is_file():
            return place
    raise CutError(
        f"no run {name!r} with a save: --weights takes the name of a run in {home() / 'runs'}, the "
        "id of a job, or a run's folder; without --weights, --checkpoint is a model"
    )


def kept(run: Path, asked: str) -> list[str]:
    """Return those of `WEIGHTS` that are asked for: one, or with `all` each that the run keeps.

    Raises:
        CutError: the best are asked for and the run keeps none.
    """
    has_best = (run / "best" / "config.json").is_file()
    if asked == "best" and not has_best:
        raise CutError(f"{run} keeps no best weights: train with --evaluate-every STEPS")
    if asked != "all":
        return [asked]
    return [weights for weights in WEIGHTS if weights != "best" or has_best]


@contextmanager
def model_of(run: Path, weights: str) -> Iterator[Checkpoint]:
    """Give the model with those of a run's weights, one of `WEIGHTS`, for the length of the block.

    Raises:
        CutError: a file is missing or damaged.
    """
    if weights == "last":
        with TemporaryDirectory(prefix="cut-weights-") as folder:
            yield _raw(run, Path(folder) / "last")
    else:
        yield read_checkpoint(run / ("last" if weights == "ema" else weights))


def _raw(run: Path, folder: Path) -> Checkpoint:
    """Write the weights without averaging, which only `state.pt` has, as a model to `folder`."""
    state = run / "state.pt"
    try:
        saved = torch.load(state, map_location="cpu", weights_only=True, mmap=True)
        generator = saved["method"]["generator"]["weights"]
    except Exception as error:
        raise CutError(f"{state} is damaged") from error
    return write_checkpoint(folder, read_checkpoint(run / "last").config, generator)
