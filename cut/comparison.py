"""CUT, FastCUT and CycleGAN trained for equal steps on one data folder: time, memory and score.

It checks what the paper says of their cost (Park et al. 2020, table 1): a step's seconds, and the
memory above the idle process, which is measured once everything is imported and pictures were
read. Each trains in a process of its own: `python -m cut.comparison TRIAL`, a `Trial` as JSON, is
such a process, and tells what happens in lines of JSON.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import IO, Any

from cut import config
from cut.config import Settings
from cut.errors import CutError
from cut.resident import peak_resident, resident

METHODS = ("cut", "fastcut", "cyclegan")
BASELINE = "cyclegan"
PAPER = {"faster": 0.63, "lighter": 0.53}
"""What the paper says of FastCUT against CycleGAN: (1 - 0.15 / 0.40) s, (1 - 2.25 / 4.81) GB."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Trial:
    """One method's training within a comparison.

    Args:
        method: one of `METHODS`.
        data: folder with trainA/ and trainB/, to be scored with testA/ and testB/, too.
        folder: of the run, made if missing.
        steps: length of the schedule, at least 2, since the first is not timed.
        preset: a name in `cut.config.PRESETS[method]`.
        overrides: settings to change, as text.
        device, precision: as `cut.device.choose` takes them.
        metric: to score with at the end; None for no score.
    """

    method: str
    data: str
    folder: str
    steps: int
    preset: str = "paper"
    overrides: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    precision: str = "fp32"
    metric: str | None = None

    def settings(self) -> Settings:
        """What to train with.

        Raises:
            CutError: no such preset or setting, a value out of bounds, or too few steps.
        """
        if self.steps < 2:
            raise CutError(f"{self.steps} steps: at least 2, since the first is not timed")
        asked = dict(self.overrides) | {"steps": str(self.steps)}
        return config.with_overrides(config.preset(self.method, self.preset), asked)


def train(trial: Trial) -> Iterator[dict[str, Any]]:
    """Train in this process: a dict of `step` and `total` a step, at last one with the figures.

    The figures: `name`, `seconds` a step (the mean without the first), `memory_gb` above the
    `idle_gb` that the process holds with its pictures, `gflop` a step; `score` where asked for.

    Raises:
        CutError: as `cut.trainer.Run.train`, or the score cannot be had.
    """
    from cut.bench import peak_memory_gb
    from cut.data.training import open_data
    from cut.device import choose
    from cut.trainer import Run, Step
    from cut.work import step_gflop

    settings = trial.settings()
    placement = choose(trial.device, trial.precision)
    data = Path(trial.data)
    open_data(settings, data, placement.device)[0]  # type: ignore[index]
    idle = resident_gb(placement.device.type)
    run = Run(
        trial.method,
        settings,
        data,
        Path(trial.folder),
        placement,
        preview_every=None,
        save_every=None,
        workers=0,
    )
    seconds, peak = [], idle
    for event in run.train():
        if isinstance(event, Step):
            seconds.append(event.seconds)
            # Before the run is saved, which is no part of a step.
            peak = peak_memory_gb(placement)
            yield {"step": event.step, "total": event.total}
    figures: dict[str, Any] = {
        "name": trial.method,
        "seconds": round(mean(seconds[1:]), 4),
        "memory_gb": round(peak - idle, 3),
        "idle_gb": round(idle, 3),
        "gflop": round(step_gflop(settings), 1),
    }
    if trial.metric:
        figures["score"] = _score(trial, run.folder / "last")
    yield figures


def resident_gb(device: str) -> float:
    """What this process holds now, in GB: in memory, or on a CUDA device.

    Where the system does not tell, the most that it has held, which is hardly more after imports.
    """
    if device == "cuda":
        import torch

        return torch.cuda.memory_reserved() / 1e9
    held = resident()
    return (held[0] if held else peak_resident()) / 1e9


def _score(trial: Trial, model: Path) -> dict[str, Any]:
    from cut.evaluation.scores import evaluate
    from cut.translate import load

    translator = load(model, device=trial.device, precision=trial.precision)
    source, target = (Path(trial.data) / f"test{side}" for side in "AB")
    assert trial.metric is not None
    device = str(translator.placement.device)
    return evaluate(translator, source, target, trial.metric, device=device).as_dict()


def measure(trial: Trial, tell: Tell = lambda step, total: None) -> dict[str, Any]:
    """Train in a process of its own; the figures as from `train`, and `tell` hears of each step.

    Raises:
        CutError: the process failed, or was ended.
    """
    command = [sys.executable, "-m", "cut.comparison", json.dumps(asdict(trial))]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            try:
                figures = _follow(process.stdout, tell)
            finally:
                # Left by an interrupt it would train on; one that is done takes no notice.
                process.terminate()
        if figures is None:
            raise CutError(f"training {trial.method} failed: {_why(process.returncode, errors)}")
    return figures


def _follow(lines: IO[str], tell: Tell) -> dict[str, Any] | None:
    """Read to the figures, telling of steps; None if the lines end before."""
    for line in lines:
        told = json.loads(line)
        if "error" in told:
            raise CutError(told["error"])
        if "step" not in told:
            return told
        tell(told["step"], told["total"])
    return None


def _why(status: int, errors: IO[str]) -> str:
    if status < 0:
        return f"its process was ended by signal {-status}; was there enough memory?"
    errors.seek(0)
    return (errors.read().strip().splitlines() or ["no message"])[-1]


def beside_baseline(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures, with the shares by which each is faster and lighter than CycleGAN."""
    baseline = next(row for row in results if row["name"] == BASELINE)
    shares = {"faster": "seconds", "lighter": "memory_gb"}
    return [
        row | {name: round(1 - row[key] / baseline[key], 3) for name, key in shares.items()}
        for row in results
    ]


if __name__ == "__main__":
    try:
        for told in train(Trial(**json.loads(sys.argv[1]))):
            print(json.dumps(told), flush=True)
    except CutError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(2)
