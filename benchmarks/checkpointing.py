"""What activation checkpointing saves of memory and costs of time, a process a row.

    python -m benchmarks.checkpointing --models cut fastcut --crops 256 512

At the paper's width, batch 1. Told are the mean of the last two steps' seconds, by the clock and of
the processor, and the largest resident size, the libraries' own (some 0.4 GB) included. FastCUT
mirrors its inputs in every other step here, the first among them, instead of by chance.
"""

import argparse
import statistics
import time
from dataclasses import replace

import torch

from benchmarks.own_process import in_own_process, measured_here
from cut.bench import peak_memory_gb
from cut.config import preset
from cut.device import choose
from cut.memory import freed_memory_kept
from cut.methods import METHODS
from cut.step_profile import EveryOther

MODULE = "benchmarks.checkpointing"


def measure(method: str, crop: int, checkpointing: bool, steps: int) -> dict[str, float]:
    settings = replace(preset(method), crop_size=crop, checkpointing=checkpointing)
    placement = choose()
    trained = METHODS[method](settings, placement)
    A, B = (torch.rand(1, 3, crop, crop) * 2 - 1 for _ in "AB")
    each: list[tuple[float, float]] = []
    with freed_memory_kept():
        for step in range(1, steps + 1):
            start, used = time.perf_counter(), time.process_time()
            trained.step(A, B, EveryOther(0, step))
            each.append((time.perf_counter() - start, time.process_time() - used))
    seconds, own = (statistics.mean(column) for column in zip(*each[-2:], strict=True))
    return {"seconds": seconds, "processor": own, "gigabytes": peak_memory_gb(placement)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["cut", "fastcut"])
    parser.add_argument("--crops", nargs="+", type=int, default=[256, 512])
    parser.add_argument("--steps", type=int, default=3, help="of which the last two are timed")
    args = parser.parse_args()
    print(choose().describe())
    for method in args.models:
        for crop in args.crops:
            for again in (False, True):
                row = in_own_process(MODULE, method, crop, again, args.steps)
                kept = "again" if again else "kept"
                print(
                    f"{method:8} {crop:4} px  activations {kept:6} {row['seconds']:7.1f} s"
                    f" {row['processor']:7.1f} s"
                    f" {row['gigabytes']:6.2f} GB",
                    flush=True,
                )


if __name__ == "__main__" and not measured_here(measure):
    main()
