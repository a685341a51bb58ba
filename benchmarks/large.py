"""Measure translations of large pictures: time, share of the convolution peak, and memory.

    python -m benchmarks.large                  3 and 12 megapixels, 64 wide and the bundled model
    python -m benchmarks.large 50 --limit 3     50 megapixels within 3 GB
    python -m benchmarks.large --psnr 128       an example photo with a short side of 128 px:
                                                bfloat16 against float32, bands against one piece

Each row is a process of its own; its memory is its largest resident size, all of it and what was
added to that of the loaded model. `--one-piece` measures one piece as well.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.own_process import in_own_process, measured_here
from cut.bands.choice import way_through
from cut.bands.translation import translate_in_bands
from cut.bench import conv_peak_gflops
from cut.data.folders import to_tensor
from cut.device import Placement, choose
from cut.memory import estimate_bytes, parse_limit
from cut.networks.generators import Generator
from cut.networks.resnet import ResnetGenerator
from cut.pictures import read_picture, resize_short_side
from cut.previews import to_picture
from cut.resident import peak_resident
from cut.translate import load
from cut.work import translation_gflop

PHOTO = Path(__file__).resolve().parents[1] / "cut" / "web" / "examples" / "horses_on_a_meadow.jpg"


def made_picture(megapixels: float) -> Image.Image:
    """Smooth noise, three to four, with sides that are multiples of four."""
    short = round((megapixels * 1e6 * 3 / 4) ** 0.5 / 4) * 4
    coarse = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(
        (short * 4 // 3 // 4 * 4, short), Image.Resampling.BICUBIC
    )


def made_generator(name: str, placement: Placement) -> Generator:
    if name != "generator-64":
        return load(name, str(placement.device), placement.precision).generator
    return placement.network(ResnetGenerator(64)).eval().requires_grad_(False)


@torch.inference_mode()
def measure(
    name: str, megapixels: float, precision: str, limit: int | None, whole: bool
) -> dict[str, Any]:
    """One translation in this process."""
    placement = choose("cpu", precision)
    generator = made_generator(name, placement)
    generator(placement.batch(torch.rand(1, 3, 64, 64)))
    picture = made_picture(megapixels)
    before, start = peak_resident(), time.perf_counter()
    way = None if whole else way_through(generator, placement, picture.size, limit)
    if way is None:
        to_picture(generator(placement.batch(to_tensor(picture)[None]))[0][0])
        expected = estimate_bytes(*picture.size, generator.width, placement.dtype)
    else:
        translate_in_bands(generator, placement, picture, way)
        expected = way.memory
    seconds = time.perf_counter() - start
    return {
        "model": name,
        "width": picture.width,
        "height": picture.height,
        "precision": placement.precision,
        "bands": way is not None,
        "passes": len(way.passes) if way else 1,
        "spilled_gb": round(way.spilled / 1e9, 2) if way else 0.0,
        "seconds": round(seconds, 1),
        "gflop": round(translation_gflop(generator, picture.height, picture.width)),
        "peak_memory_gb": round(peak_resident() / 1e9, 2),
        "added_gb": round((peak_resident() - before) / 1e9, 2),
        "expected_gb": round(expected / 1e9, 2),
    }


def psnr(right: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio, in decibels, of pictures of 8 bits."""
    apart = np.asarray(right, float) - np.asarray(other, float)
    squared = float(np.square(apart).mean())
    return 10 * math.log10(255**2 / squared) if squared else math.inf


def tell_precision(model: str, side: int) -> None:
    """Print what bfloat16 and bands cost on real weights, against float32 in one piece."""
    photo = resize_short_side(read_picture(PHOTO), side)
    right = load(model, "cpu", "fp32")(photo)
    for precision in ("fp32", "bf16"):
        translator = load(model, "cpu", precision)
        limit = translator.estimate_bytes(*photo.size) * 8 // 10
        for name, allowed in (("one piece", None), ("bands", limit)):
            result = translator(photo, limit=allowed)
            levels = np.abs(np.asarray(right, int) - np.asarray(result, int)).max()
            print(
                f"{photo.width} x {photo.height} {precision} {name:9} "
                f"{psnr(right, result):5.1f} dB, at most {levels} of 255 apart",
                flush=True,
            )


def tell_sizes(options: argparse.Namespace) -> None:
    """Print a row for each picture and model."""
    peak = conv_peak_gflops(choose("cpu", options.precision))
    print(f"convolution peak: {peak:.0f} GFLOP/s in {choose('cpu', options.precision).precision}")
    print(
        "model         size         way         seconds  of peak  resident  added  expected  disk"
    )
    rows = []
    for megapixels in options.megapixels:
        for model in options.models:
            for whole in (False, True) if options.one_piece else (False,):
                case = (model, megapixels, options.precision, options.limit, whole)
                row = in_own_process("benchmarks.large", *case)
                row["share_of_peak"] = round(row["gflop"] / row["seconds"] / peak, 3)
                rows.append(row)
                way = f"{row['passes']} passes" if row["bands"] else "one piece"
                print(
                    f"{model:13} {row['width']:5} x {row['height']:<5} {way:10} "
                    f"{row['seconds']:8.1f} {row['share_of_peak']:8.0%} "
                    f"{row['peak_memory_gb']:6.2f} GB {row['added_gb']:6.2f} "
                    f"{row['expected_gb']:8.2f} {row['spilled_gb']:6.2f}",
                    flush=True,
                )
    if options.json:
        print(json.dumps({"conv_peak_gflops": round(peak, 1), "results": rows}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megapixels", nargs="*", type=float, default=[3.0, 12.0])
    parser.add_argument("--models", nargs="+", default=["horse2zebra", "generator-64"])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--limit", type=lambda text: parse_limit(text, "--limit"), metavar="GB")
    parser.add_argument("--one-piece", action="store_true", help="measure one piece as well")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--psnr", type=int, metavar="PX", help="compare precisions instead")
    options = parser.parse_args()
    if options.psnr:
        tell_precision(options.models[0], options.psnr)
    else:
        tell_sizes(options)


if __name__ == "__main__" and not measured_here(measure):
    main()
