"""`bench`: seconds, memory and share of the machine's convolution peak, measured now."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_device_options, add_json_option

if TYPE_CHECKING:
    from cut.device import Placement


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("bench", help="measure training steps or translations here")
    parser.add_argument("what", choices=("train", "translate"))
    parser.add_argument(
        "--profile", action="store_true", help="of a training step: the seconds of each phase"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="measure these alone (cut fastcut ...)"
    )
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
    if args.profile:
        return _profile(args, placement)
    names = ["cut", "fastcut", "cyclegan", "sincut"]
    if args.what == "translate":
        names = ["generator-64", *(model.name for model in available() if model.bundled)]
    names = _chosen(args.only, names)
    print(placement.describe(), file=sys.stderr)
    peak = conv_peak_gflops(placement)
    results = []
    for name in tqdm(names, unit="model", disable=None):
        row = measure(name, placement, args.runs)
        share = row["gflop"] / row["seconds"] / peak
        results.append(row | {"share_of_peak": round(share, 3)})
    _print(results, peak, placement.precision)
    if args.json:
        print(json.dumps(_report(placement, results, conv_peak_gflops=round(peak, 1))))
    return 0


def _profile(args: argparse.Namespace, placement: "Placement") -> int:
    """Print where the time of a training step goes, for the paper's settings and a CPU's."""
    from cut.config import PRESETS
    from cut.errors import CutError
    from cut.step_profile import profile_steps

    if args.what != "train":
        raise CutError("--profile is of training steps: bench train --profile")
    profiled = {
        "cut": PRESETS["cut"]["paper"],
        "fastcut": PRESETS["fastcut"]["paper"],
        "cut-compact": PRESETS["cut"]["compact"],
    }
    names = _chosen(args.only, list(profiled))
    print(placement.describe(), file=sys.stderr)
    results = []
    for name in tqdm(names, unit="model", disable=None):
        results.append({"name": name} | profile_steps(profiled[name], placement, args.runs))
    for row in results:
        _print_phases(row)
    if args.json:
        print(json.dumps(_report(placement, results)))
    return 0


def _chosen(asked: list[str] | None, known: list[str]) -> list[str]:
    from cut.errors import CutError

    unknown = [name for name in asked or () if name not in known]
    if unknown:
        raise CutError(f"nothing called {unknown[0]} to measure: choose from {', '.join(known)}")
    return asked or known


def _report(
    placement: "Placement", results: list[dict[str, Any]], **figures: float
) -> dict[str, Any]:
    where = {"device": str(placement.device), "precision": placement.precision}
    return {**where, **figures, "results": results}


def _print_phases(row: dict[str, Any]) -> None:
    print(f"{row['name']}: {row['seconds']:.3f} s a step")
    for name, seconds in [*row["phases"].items(), ("remainder", row["remainder"])]:
        print(f"  {name:28}{seconds:9.4f} s{seconds / row['seconds']:8.1%}")


def _print(results: list[dict[str, Any]], peak: float, precision: str) -> None:
    print(f"convolution peak: {peak:.0f} GFLOP/s in {precision}")
    print(f"{'':16}{'seconds':>9}{'memory':>10}{'GFLOP':>8}{'of peak':>9}")
    for row in results:
        print(
            f"{row['name']:16}{row['seconds']:9.3f}{row['peak_memory_gb']:7.2f} GB"
            f"{row['gflop']:8.0f}{row['share_of_peak']:9.0%}"
        )
