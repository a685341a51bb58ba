"""Eager PyTorch, torch.compile, ONNX Runtime and OpenVINO: time and memory of a translation.

    python -m benchmarks.engines [--sizes 256 512 1024] [--engines eager compile onnx openvino]

Float32 on the CPU. Each row is a process of its own. Cold is from its start until the first
translation is there: importing the engine, loading the model, compiling, computing; warm is the
median of those that follow. Memory is the largest resident size. `onnx` needs onnx, onnxscript and
onnxruntime, `openvino` the first two and openvino; an engine that fails says so and is left out.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.own_process import in_own_process, measured_here
from cut.resident import peak_resident

MODELS = ("64 wide", "bundled")
BUNDLED = Path(__file__).resolve().parents[1] / "checkpoints" / "horse2zebra"
Run = Callable[[np.ndarray], object]

MODULE = "benchmarks.engines"


def eager(folder: Path) -> Run:
    import torch

    from cut.translate import load

    model = load(folder, "cpu", "fp32")
    return lambda x: model.run(torch.from_numpy(x))


def compiled(folder: Path) -> Run:
    import torch

    from cut.translate import load

    model = load(folder, "cpu", "fp32")
    generator = torch.compile(model.generator, dynamic=False)

    @torch.inference_mode()
    def run(x: np.ndarray) -> object:
        return generator(model.placement.batch(torch.from_numpy(x)))[0].numpy()

    return run


def onnx(folder: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"picture": x})


def openvino(folder: Path) -> Run:
    from openvino import Core

    model = Core().compile_model(str(folder / "model.onnx"), "CPU")
    return lambda x: model({"picture": x})


ENGINES = {"eager": eager, "compile": compiled, "onnx": onnx, "openvino": openvino}


def measure(engine: str, folder: str, size: int, runs: int, start: float) -> dict[str, float]:
    """Measure in this process, which began at `start`, seconds of the system's clock."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32)
    run = ENGINES[engine](Path(folder))
    run(x)
    cold = time.time() - start
    timings = []
    for _ in range(runs):
        before = time.perf_counter()
        run(x)
        timings.append(time.perf_counter() - before)
    warm = statistics.median(timings)
    return {"cold": cold, "warm": warm, "gigabytes": peak_resident() / 1e9}


def prepare(folder: Path, exported: bool) -> dict[str, Path]:
    """The 64-wide generator with random weights and the bundled model, each in a folder."""
    import torch

    from cut.checkpoints import Description, find, write_checkpoint
    from cut.config import preset
    from cut.device import Placement
    from cut.exports.onnx import export_onnx
    from cut.methods.cut import Cut

    settings = replace(preset("cut"), ndf=4)  # whose discriminator is not looked at
    method = Cut(settings, Placement(torch.device("cpu")))
    wide = folder / "wide"
    description = Description("wide", settings, data="none", title="wide").config()
    write_checkpoint(wide, description, generator=method.generator.weights())
    bundled = folder / "bundled"
    bundled.mkdir()
    for file in BUNDLED.iterdir():
        (bundled / file.name).symlink_to(file)
    if exported:
        for one in (wide, bundled):
            export_onnx(find(one), one / "model.onnx")
    return {"64 wide": wide, "bundled": bundled}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512, 1024])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print("model     px    engine        cold      warm    memory   warm/eager")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        models = prepare(folder, bool({"onnx", "openvino"} & set(args.engines)))
        for model in args.models:
            for size in args.sizes:
                base = None
                for engine in args.engines:
                    case = (engine, str(models[model]), size, args.runs, time.time())
                    # Compiled code of earlier runs would make the first translation look quick.
                    cache = str(folder / f"cache-{size}" / models[model].name)
                    try:
                        row = in_own_process(MODULE, *case, TORCHINDUCTOR_CACHE_DIR=cache)
                    except SystemExit as failed:
                        print(f"{model:9} {size:4}  {engine:9} failed: {failed}", flush=True)
                        continue
                    base = row["warm"] if engine == "eager" else base
                    ratio = f"{row['warm'] / base:8.2f}" if base else ""
                    print(
                        f"{model:9} {size:4}  {engine:9} {row['cold']:7.2f} s {row['warm']:7.3f} s"
                        f" {row['gigabytes']:6.2f} GB {ratio}",
                        flush=True,
                    )


if __name__ == "__main__" and not measured_here(measure):
    main()
