"""Time training steps of two checkouts in turn, so that both meet the same machine.

    python -m benchmarks.steps ../before . --models cut/compact fastcut/compact cut/paper --rounds 3

Each round is a process a checkout: one step to warm up, then some that are timed, memory kept as
in training. Told are the median of the clock's and of the processor's seconds, and the last
checkout's against the first's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

STEPS = """
import contextlib, json, resource, sys, time
import torch
from cut import memory
from cut.config import preset
from cut.device import choose
from cut.methods import METHODS
from cut.randomness import StepRandom

method, name, steps = sys.argv[1:]
settings = preset(method, name)
torch.manual_seed(0)
side = settings.crop_size
A, B = (torch.rand(settings.batch_size, 3, side, side) * 2 - 1 for _ in "AB")
trained = METHODS[method](settings, choose("cpu", "fp32"))
# Older checkouts keep no memory.
with getattr(memory, "freed_memory_kept", contextlib.nullcontext)():
    timings = []
    for step in range(int(steps) + 1):
        wall, own = time.perf_counter(), time.process_time()
        trained.step(A, B, StepRandom(0, step))
        timings.append((time.perf_counter() - wall, time.process_time() - own))
try:
    from cut.resident import peak_resident
except ImportError:  # older checkouts; this process's parent holds too little to count
    def peak_resident():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"timings": timings[1:], "peak": peak_resident()}))
"""


def measure(root: Path, model: str, steps: int) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", STEPS, *model.split("/"), str(steps)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{root}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", default=["cut/compact", "fastcut/compact"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2, help="timed steps a round")
    args = parser.parse_args()
    roots = [root.resolve() for root in args.roots]
    for model in args.models:
        measured: dict[Path, list[dict]] = {root: [] for root in roots}
        for _ in range(args.rounds):
            for root in roots:
                measured[root].append(measure(root, model, args.steps))
                # So that a run that is broken off has told something.
                print(model, root.name, measured[root][-1]["timings"], file=sys.stderr, flush=True)
        medians = []
        for root in roots:
            timings = [t for one in measured[root] for t in one["timings"]]
            medians.append([statistics.median(column) for column in zip(*timings, strict=True)])
            peak = max(one["peak"] for one in measured[root]) / 1e9
            wall, own = medians[-1]
            print(f"{model:16} {root.name:12} {wall:7.2f} s  {own:7.2f} s  {peak:5.2f} GB")
        ratios = [last / first for first, last in zip(medians[0], medians[-1], strict=True)]
        print(f"{model:16} {'ratio':12} {ratios[0]:7.2f}    {ratios[1]:7.2f}", flush=True)


if __name__ == "__main__":
    main()
