"""`bench`: seconds, memory and share of the machine's convolution peak, measured now."""

import argparse
import json
import sys
from typing import Any

from tqdm import tqdm

from cut.commands.options import add_device_options, add_json_option


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("bench", help="measure training steps or translations here")
    parser.add_argument("what", choices=("train", "translate"))
    parser.add_argument("--runs", type=int, default=6, help="timed runs of each (default: 6)")
    add_device_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from cut.bench import conv_peak_gflops, measure
    from cut.checkpoints import available
    from cut.device import choose
    from cut.errors import CutError

    if args.runs < 2:
        raise CutError(f"--runs {args.runs}: at least 2")
    placement = choose(args.device, args.precision)
    names = ["cut", "fastcut", "cyclegan", "sincut"]
    if args.what == "translate":
        names = ["generator-64", *(model.name for model in available() if model.bundled)]
    print(placement.describe(), file=sys.stderr)
    peak = conv_peak_gflops(placement)
    results = []
    for name in tqdm(names, unit="model", disable=None):
        row = measure(name, placement, args.runs)
        share = row["gflop"] / row["seconds"] / peak
        results.append(row | {"share_of_peak": round(share, 3)})
    _print(results, peak, placement.precision)
    if args.json:
        report = {
            "device": str(placement.device),
            "precision": placement.precision,
            "conv_peak_gflops": round(peak, 1),
            "results": results,
        }
        print(json.dumps(report))
    return 0


def _print(results: list[dict[str, Any]], peak: float, precision: str) -> None:
    print(f"convolution peak: {peak:.0f} GFLOP/s in {precision}")
    print(f"{'':16}{'seconds':>9}{'memory':>10}{'GFLOP':>8}{'of peak':>9}")
    for row in results:
        print(
            f"{row['name']:16}{row['seconds']:9.3f}{row['peak_memory_gb']:7.2f} GB"
            f"{row['gflop']:8.0f}{row['share_of_peak']:9.0%}"
        )
