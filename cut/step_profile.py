"""Where the time of a training step goes, by phase, data loading included."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cut.config import Settings
from cut.data.training import batches, open_data
from cut.device import Placement
from cut.memory import freed_memory_kept
from cut.methods import METHODS
from cut.phases import listening
from cut.randomness import StepRandom

PICTURES = 8
"""Made for each side, 256 x 256 as the data sets that CUT was published with."""

LOADING = "data loading"


def profile_steps(settings: Settings, placement: Placement, runs: int) -> dict[str, Any]:
    """Train `runs` steps on made pictures, after two to warm up, and time their phases.

    A method that mirrors its inputs half of the time does so on every other step.

    Args:
        settings: of a method that trains on two sets of pictures.
        placement: where and in which precision to compute.
        runs: steps that are timed.

    Returns:
        `seconds` of a step, the mean; `phases`, the seconds of each, longest first, that with
        `remainder`, what no phase counts, add up to it; `slowest`, seconds of the slowest step.
    """
    method = METHODS[settings.method](settings, placement)
    with tempfile.TemporaryDirectory() as folder, freed_memory_kept():
        data = open_data(settings, _made_pictures(Path(folder)), placement.device)
        waiting = batches(data, range(runs + 2), settings.batch_size, placement.device)
        each: list[tuple[float, dict[str, float]]] = []
        for step in range(runs + 2):
            with listening(placement.device) as phases:
                start = time.perf_counter()
                with phases.within(LOADING):
                    batch = next(waiting)
                losses = method.step(batch.A, batch.B, EveryOther(settings.seed, step))
                with phases.within("losses as numbers"):
                    [float(loss) for loss in losses.values()]
                each.append((time.perf_counter() - start, phases.seconds))
    return _summary(each[2:])


def _summary(each: list[tuple[float, dict[str, float]]]) -> dict[str, Any]:
    seconds = [whole for whole, _ in each]
    names = {name for _, phases in each for name in phases}
    phases = {name: statistics.mean(phases.get(name, 0.0) for _, phases in each) for name in names}
    mean = statistics.mean(seconds)
    longest_first = sorted(phases.items(), key=lambda item: -item[1])
    return {
        "seconds": round(mean, 5),
        "slowest": round(max(seconds), 5),
        "phases": {name: round(spent, 5) for name, spent in longest_first},
        "remainder": round(mean - sum(phases.values()), 5),
    }


class EveryOther(StepRandom):
    """As in training, but mirrored on every second step, so that few steps give a fair mean."""

    def flip(self) -> bool:
        return self.step % 2 == 1


def _made_pictures(folder: Path) -> Path:
    """Two sets of noise, smooth enough to compress as photos do."""
    noise = torch.Generator().manual_seed(0)
    for side in ("trainA", "trainB"):
        (folder / side).mkdir()
        for k in range(PICTURES):
            coarse = torch.randint(0, 256, (64, 64, 3), generator=noise, dtype=torch.uint8)
            picture = Image.fromarray(coarse.numpy()).resize((256, 256), Image.Resampling.BICUBIC)
            picture.save(folder / side / f"{k}.jpg", quality=90)
    return folder
