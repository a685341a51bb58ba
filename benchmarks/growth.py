"""Measure how time and memory grow with picture, batch, crop and width; fit slopes; draw them.

    python -m benchmarks.growth                    measure and draw: growth.json and growth.svg
    python -m benchmarks.growth --only translate/pixels     measure one series anew, draw all
    python -m benchmarks.growth --redraw           draw growth.json again

One thread, and a process for each figure: its processor seconds, the better of two runs where one
takes less than ten (other programs then count little), and its largest resident size above that
before the first run. Slopes are those of a straight line through the logarithms, by least squares.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.own_process import in_own_process, measured_here

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "growth.json"
PLOT = HERE / "growth.svg"
SHORT = 10  # seconds; what takes less is run twice
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

TRANSLATE = {"side": 128, "megapixels": 0.0, "batch": 1, "ngf": 16}
STEP = {"crop": 64, "batch": 1, "ngf": 16}
SIDES = (256, 362, 512, 724, 1024, 1448, 2048)

SERIES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "translate/pixels": (
        "pixels of a picture",
        [{**TRANSLATE, "side": side} for side in SIDES]
        + [{**TRANSLATE, "side": 0, "megapixels": m} for m in (12.0, 50.0)],
    ),
    "translate/batch": (
        f"pictures of {TRANSLATE['side']} px at a time",
        [{**TRANSLATE, "batch": n} for n in (1, 2, 4, 8, 16)],
    ),
    "translate/width": (
        "channels of the first layer (ngf)",
        [{**TRANSLATE, "ngf": n} for n in (8, 16, 32, 64, 128)],
    ),
    "step/pixels": (
        "pixels of a crop",
        [{**STEP, "crop": side} for side in (64, 92, 128, 180, 256, 360)],
    ),
    "step/batch": (
        f"crops of {STEP['crop']} px a step",
        [{**STEP, "batch": n} for n in (1, 2, 4, 8)],
    ),
    "step/width": (
        "channels of the first layer (ngf, ndf)",
        [{**STEP, "ngf": n} for n in (8, 16, 32, 64)],
    ),
}


def size_of(name: str, case: dict[str, Any]) -> float:
    """What the series grows along."""
    if not name.endswith("pixels"):
        return case["ngf" if name.endswith("width") else "batch"]
    side = case.get("crop") or case["side"]
    return side**2 if side else case["megapixels"] * 1e6


def translation(case: dict[str, Any]) -> tuple[Callable[[], object], str]:
    """What translates a picture (in bands where it is large) or a batch, and in which way."""
    import torch

    from benchmarks.large import made_picture
    from cut.bands.choice import way_through
    from cut.bands.translation import translate_in_bands
    from cut.device import choose
    from cut.networks.resnet import ResnetGenerator

    placement = choose("cpu", "fp32")
    generator = placement.network(ResnetGenerator(case["ngf"])).eval().requires_grad_(False)
    with torch.inference_mode():
        generator(placement.batch(torch.rand(1, 3, 64, 64)))
    if case["megapixels"]:
        picture = made_picture(case["megapixels"])
        way = way_through(generator, placement, picture.size)
        if way is not None:
            spilled = f", {way.spilled / 1e9:.1f} GB on disk" if way.spilled else ""
            return lambda: translate_in_bands(generator, placement, picture, way), (
                f"{len(way.passes)} passes{spilled}"
            )
        shape = (1, 3, picture.height, picture.width)
    else:
        shape = (case["batch"], 3, case["side"], case["side"])
    x = placement.batch(torch.rand(shape))

    def whole() -> object:
        with torch.inference_mode():
            return generator(x)[0]

    return whole, "one piece"


def step(case: dict[str, Any]) -> tuple[Callable[[], object], str]:
    """A step of CUT after the first, which sets up the optimisers."""
    import itertools

    import torch

    from cut.config import CutSettings
    from cut.device import choose
    from cut.methods import METHODS
    from cut.randomness import StepRandom

    settings = replace(
        CutSettings(), ngf=case["ngf"], ndf=case["ngf"], crop_size=case["crop"],
        batch_size=case["batch"],
    )  # fmt: skip
    method = METHODS["cut"](settings, choose("cpu", "fp32"))
    A, B = torch.rand(2, case["batch"], 3, case["crop"], case["crop"]) * 2 - 1
    steps = itertools.count()
    return lambda: method.step(A, B, StepRandom(0, next(steps))), "CUT"


def measure(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """One case, in this process."""
    import torch

    from cut.resident import peak_resident

    torch.set_num_threads(1)
    call, way = (translation if name.startswith("translate") else step)(case)
    before, seconds = peak_resident(), []
    while not seconds or (len(seconds) < 2 and seconds[0] < SHORT):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    added = peak_resident() - before
    return {
        "x": size_of(name, case), "seconds": round(min(seconds), 4),
        "added_gb": round(added / 1e9, 4), "way": way,
    }  # fmt: skip


def machine() -> str:
    """The processor, its cores, and what computes."""
    import torch

    about = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":")[1].strip() for line in about.splitlines() if "model name" in line]
    name = models[0] if models else platform.processor()
    return (
        f"{name}, {os.cpu_count()} cores, one thread, {torch.backends.cpu.get_cpu_capability()}, "
        f"PyTorch {torch.__version__.split('+')[0]}, float32"
    )


def slope(points: list[dict[str, Any]], what: str) -> float | None:
    """The power of x that `what` grows with; of memory from where it is more than noise."""
    enough = [p for p in points if p[what] > (0.02 if what == "added_gb" else 0)]
    if what == "added_gb":  # bands keep memory below what was allowed: that is no growth
        enough = [p for p in enough if "passes" not in p["way"]]
    if len(enough) < 3:
        return None
    x, y = (np.log([p[key] for p in enough]) for key in ("x", what))
    return float(np.polyfit(x, y, 1)[0])


def in_words(power: float | None) -> str:
    """What a slope means when x doubles."""
    if power is None:
        return "too little to tell"
    return f"x^{power:.2f}: twice as much costs {2**power:.2g} times"


def draw(figures: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 9}
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    figure.suptitle(figures["machine"], fontsize=9)
    panels = figure.subplots(4, 3)
    for number, (name, (label, _)) in enumerate(SERIES.items()):
        points = figures["series"].get(name, [])
        column, top = number % 3, 2 * (number // 3)
        kind = "translating" if name.startswith("translate") else "a step of CUT"
        for row, what, unit in ((top, "seconds", "seconds"), (top + 1, "added_gb", "GB")):
            _panel(panels[row, column], points, what, unit)
            panels[row, column].set_xlabel(label)
        panels[top, column].set_title(kind, fontsize=9)
    figure.savefig(PLOT, metadata={"Date": None})


def _panel(axes: Any, points: list[dict[str, Any]], what: str, unit: str) -> None:
    """One series, with its slope: what went in bands is drawn hollow."""
    if not points:
        axes.set_axis_off()
        return
    shown = [p for p in points if p[what] > 0]
    for banded, face in ((False, "C0"), (True, "white")):
        some = [p for p in shown if ("passes" in p["way"]) is banded]
        x, y = ([p[key] for p in some] for key in ("x", what))
        label = "in bands" if banded and some else None
        axes.loglog(x, y, "o", color="C0", markerfacecolor=face, label=label)
    power = slope(points, what)
    if power is not None:
        fitted = [p for p in shown if what == "seconds" or "passes" not in p["way"]]
        middle, height = (np.exp(np.mean(np.log([p[key] for p in fitted]))) for key in ("x", what))
        x = np.array([p["x"] for p in fitted], float)
        label = f"slope {power:.2f}"
        axes.loglog(x, height * (x / middle) ** power, "-", color="C1", lw=1, label=label)
        axes.legend(frameon=False, fontsize=8)
    axes.set_ylabel(unit)
    axes.xaxis.set_minor_formatter("")
    if points[-1]["x"] < 1000:
        axes.set_xticks([p["x"] for p in points], [f"{p['x']:g}" for p in points])
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SERIES, default=list(SERIES))
    parser.add_argument("--most", type=float, default=50, help="megapixels, of the largest picture")
    parser.add_argument("--redraw", action="store_true", help="measure nothing")
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"series": {}}
    for name in [] if options.redraw else options.only:
        cases = [one for one in SERIES[name][1] if one.get("megapixels", 0) <= options.most]
        figures["machine"] = machine()
        figures["series"][name] = []
        for case in cases:
            row = in_own_process("benchmarks.growth", name, case, **ALONE)
            figures["series"][name].append(row)
            print(name, row, flush=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    draw(figures)
    for name, points in figures["series"].items():
        for what in ("seconds", "added_gb"):
            print(f"{name:17} {what:9} {in_words(slope(points, what))}")


if __name__ == "__main__" and not measured_here(measure):
    main()
