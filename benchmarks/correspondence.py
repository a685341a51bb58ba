"""Measure the patch view's engine: seconds and memory to embed a picture, to judge, to draw.

    python -m benchmarks.correspondence NAME [--size 256] [--wide] [--device cpu] [--precision auto]

Seconds are of the wall clock, the least of `--runs`; on a busy machine look at the processor's own
beside them, which add up all threads.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from cut.correspondence import LayerView, correspond
from cut.figures import FORMATS, correspondence_figure, figure_bytes
from cut.resident import peak_resident
from cut.translate import load


def timed(call: Callable[[], object], runs: int) -> str:
    """The least seconds of a call, on the wall and of the processor."""
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return f"{min(walls):7.3f} s  (processor {min(processors):.3f} s)"


def judge(layer: LayerView, negatives: str) -> None:
    layer._maps.clear()
    layer.loss_map(negatives)  # type: ignore[arg-type]


def peak() -> float:
    """The largest resident size so far, in MB."""
    return peak_resident() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--wide", action="store_true", help="four times as long as wide")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()

    translator = load(args.checkpoint, args.device, args.precision)
    print(translator.placement.describe())
    shape = (args.size, args.size * (4 if args.wide else 1), 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = Image.fromarray(noise)
    assert translator.patch_heads is None or translator.patch_heads.training is False
    translator(Image.fromarray(noise[:64, :64]))  # what PyTorch sets up at the first call
    before = peak()
    view = correspond(translator, picture, args.size)
    print(f"above the model: {peak() - before:.0f} MB")
    print("embed       ", timed(lambda: correspond(translator, picture, args.size), args.runs))
    for negatives in ("drawn", "all"):
        for layer in view.layers:
            seconds = timed(lambda: judge(layer, negatives), args.runs)  # noqa: B023
            print(f"{negatives:6}{layer.number:4}  ", seconds)
    middle = (picture.width / 2, picture.height / 2)
    for kind in FORMATS:
        seconds = timed(lambda: figure_bytes(correspondence_figure(view, *middle), kind), args.runs)  # noqa: B023
        print(f"figure {kind}  ", seconds)


if __name__ == "__main__":
    main()
