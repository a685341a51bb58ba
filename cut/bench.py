"""Speed and memory of training steps and translations, beside the machine's own convolution peak.

Each figure is taken in a process of its own, so that its largest resident size is that of the one
thing measured. `python -m cut.bench NAME DEVICE PRECISION RUNS` is such a process.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from cut.config import preset
from cut.device import Placement, choose, synchronise
from cut.errors import CutError
from cut.memory import freed_memory_kept
from cut.methods import METHODS
from cut.networks.generators import Generator
from cut.networks.resnet import ResnetGenerator
from cut.resident import peak_resident
from cut.step_profile import EveryOther
from cut.translate import load
from cut.work import step_gflop, translation_gflop

SIZE = 256
"""px, of the pictures that are measured."""

# Channels in and out and the side of the forward 3x3 convolutions that make the peak.
_PEAK_SHAPES = ((256, 256, 64), (64, 128, 256), (128, 256, 128))


def measure(name: str, placement: Placement, runs: int) -> dict[str, Any]:
    """Measure a method, `generator-64` or a checkpoint in a process of its own.

    Returns:
        `name`, `seconds` (median of `runs`), `peak_memory_gb` and `gflop`.

    Raises:
        CutError: the process failed.
    """
    command = [sys.executable, "-m", "cut.bench", name, str(placement.device)]
    done = subprocess.run(
        [*command, placement.precision, str(runs)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CutError(f"measuring {name} failed: {last}")
    return json.loads(done.stdout.splitlines()[-1])


@torch.inference_mode()
def conv_peak_gflops(placement: Placement) -> float:
    """The best rate of forward 3x3 convolutions, batch 1, channels-last, in 10^9 operations/s."""
    best = 0.0
    for channels, outputs, side in _PEAK_SHAPES:
        conv = placement.network(nn.Conv2d(channels, outputs, 3, padding=1, bias=False))
        x = placement.batch(torch.ones(1, channels, side, side))
        gflop = 2 * 9 * channels * outputs * side * side / 1e9
        for seconds in itertools.islice(_timings(lambda: conv(x), placement), 1, 6):  # noqa: B023
            best = max(best, gflop / seconds)
    return best


def _timings(call: Callable[[], object], placement: Placement) -> Iterator[float]:
    while True:
        synchronise(placement.device)
        start = time.perf_counter()
        call()
        synchronise(placement.device)
        yield time.perf_counter() - start


def _step_call(method_name: str, placement: Placement) -> tuple[Callable[[], object], float]:
    settings = preset(method_name)
    method = METHODS[method_name](settings, placement)
    generator = torch.Generator().manual_seed(0)
    shape = (settings.batch_size, 3, settings.crop_size, settings.crop_size)
    A, B = (torch.rand(shape, generator=generator) * 2 - 1 for _ in "AB")
    steps = itertools.count()
    return lambda: method.step(A, B, EveryOther(0, next(steps))), step_gflop(settings)


def _translate_call(name: str, placement: Placement) -> tuple[Callable[[], Tensor], float]:
    if name == "generator-64":
        generator: Generator = placement.network(ResnetGenerator(64)).eval()
    else:
        generator = load(name, str(placement.device), placement.precision).generator
    x = placement.batch(torch.rand(1, 3, SIZE, SIZE) * 2 - 1)

    @torch.inference_mode()
    def call() -> Tensor:
        return generator(x)[0]

    return call, translation_gflop(generator, SIZE, SIZE)


def _in_this_process(name: str, placement: Placement, runs: int) -> dict[str, Any]:
    is_step = name in METHODS
    call, gflop = (_step_call if is_step else _translate_call)(name, placement)
    with freed_memory_kept() if is_step else nullcontext():  # as the training loop has it
        timings = list(itertools.islice(_timings(call, placement), 2 + runs))[2:]
    # The mean of mirrored and other steps is the promise for FastCUT; there are as many of each.
    pairs = [statistics.mean(timings[i : i + 2]) for i in range(0, len(timings) - 1, 2)]
    seconds = statistics.median(pairs if name == "fastcut" else timings)
    return {
        "name": name,
        "seconds": round(seconds, 4),
        "peak_memory_gb": round(peak_memory_gb(placement), 3),
        "gflop": round(gflop, 1),
    }


def peak_memory_gb(placement: Placement) -> float:
    """The most that this process has held at a time: on a CUDA device, or else in memory."""
    if placement.device.type == "cuda":
        return torch.cuda.max_memory_reserved(placement.device) / 1e9
    return peak_resident() / 1e9


if __name__ == "__main__":
    name, device, precision, runs = sys.argv[1:]
    print(json.dumps(_in_this_process(name, choose(device, precision), int(runs))))
