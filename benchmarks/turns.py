"""Time translations with and without one of the ways in which they are made fast, in turn.

    python -m benchmarks.turns --without doubling                 64 wide and the bundled model
    python -m benchmarks.turns --without tiles --sizes 256 --models horse2zebra --threads 1

`doubling` is `cut.networks.doubling`, `tiles` is `cut.networks.winograd`. Seconds are the clock's,
of one piece in one process, medians; what differs is told in levels of 255.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.large import made_generator
from cut.device import choose
from cut.memory import freed_memory_kept
from cut.networks import doubling, winograd

LIMITS = {"doubling": (doubling, "LEAST_NUMBERS"), "tiles": (winograd, "LEAST_TILES")}
"""What each is worth from; raised, so that nothing is."""


@contextmanager
def without(name: str) -> Iterator[None]:
    """Switch off one of `LIMITS` in the block."""
    module, limit = LIMITS[name]
    before = getattr(module, limit)
    setattr(module, limit, 1 << 60)
    try:
        yield
    finally:
        setattr(module, limit, before)


@torch.inference_mode()
def measure(model: str, size: int, off: str, runs: int) -> str:
    """One line: seconds without and with, and their ratio."""
    placement = choose("cpu", "fp32")
    generator = made_generator(model, placement)
    numbers = torch.Generator().manual_seed(0)
    picture = placement.batch(torch.rand(1, 3, size, size, generator=numbers) * 2 - 1)
    took: tuple[list[float], list[float]] = [], []
    for _ in range(runs + 1):  # the first of each is not counted
        with without(off):
            start = time.perf_counter()
            before = generator(picture)[0]
            took[0].append(time.perf_counter() - start)
        start = time.perf_counter()
        now = generator(picture)[0]
        took[1].append(time.perf_counter() - start)
    plain, fast = (statistics.median(seconds[1:]) for seconds in took)
    levels = 127.5 * float((now - before).abs().max())
    return f"{plain:7.3f} {fast:7.3f} s  ratio {fast / plain:4.2f}  {levels:.4f} levels apart"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--without", choices=LIMITS, required=True)
    parser.add_argument("--models", nargs="+", default=["generator-64", "horse2zebra"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512, 1024])
    parser.add_argument("--threads", type=int, help="default: as PyTorch chooses")
    parser.add_argument("--runs", type=int, default=4)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"without and with {options.without}, {torch.get_num_threads()} threads")
    with freed_memory_kept():
        for model in options.models:
            for size in options.sizes:
                line = measure(model, size, options.without, options.runs)
                print(f"{model:14} {size:5} px {line}", flush=True)


if __name__ == "__main__":
    main()
