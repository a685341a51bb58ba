"""`compare-methods`: CUT, FastCUT and CycleGAN on the same pictures: time, memory and score."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_json_option
from cut.evaluation import METRICS

if TYPE_CHECKING:
    from cut.comparison import Trial
    from cut.device import Placement

_OF_SETS = [metric for metric in METRICS if not metric.startswith("sifid")]


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "compare-methods",
        help="train CUT, FastCUT and CycleGAN for equal steps: time, memory, score",
        description="Train CUT, FastCUT and CycleGAN for equal steps, one after the other, and "
        "print a step's seconds (the first is left out), the memory above the idle process, and "
        "on request the score on testA/ and testB/. The paper has FastCUT 63 % faster and 53 % "
        "lighter than CycleGAN.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="holds trainA/ and trainB/")
    add("--steps", type=int, default=10, help="of each method (default: 10)")
    add("--preset", default="paper", help="paper or compact (default: paper)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any setting that all three have, as ngf=32; may be repeated",
    )
    add("--metric", choices=_OF_SETS, help="score with it, too; kid-lite0 needs no network")
    add("--output", type=Path, metavar="DIR", help="keep the runs there (default: removed)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    add("--precision", default="fp32", help="fp32 (default, as in the paper), auto, bf16 or fp16")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare as `args` say; raises CutError for what the user can mend."""
    from cut.comparison import beside_baseline, measure
    from cut.data.folders import pictures_in
    from cut.device import choose

    placement = choose(args.device, args.precision)
    for side in ("trainA", "trainB", *(("testA", "testB") if args.metric else ())):
        pictures_in(args.data / side)
    with _folder(args.output) as folder:
        trials = _trials(args, placement, folder)
        for trial in trials:
            trial.settings()  # what is wrong with one shows before another has trained
        print(placement.describe(), file=sys.stderr)
        results = []
        for trial in trials:
            with tqdm(desc=trial.method, total=trial.steps, unit="step", disable=None) as bar:
                results.append(measure(trial, lambda step, total: bar.update()))
    results = beside_baseline(results)
    _print(results, args.metric)
    if args.json:
        about = {"device": str(placement.device), "precision": placement.precision}
        print(json.dumps(about | {"steps": args.steps, "results": results}))
    return 0


def _trials(args: argparse.Namespace, placement: "Placement", folder: Path) -> "list[Trial]":
    from cut.commands.train import overrides_of
    from cut.comparison import METHODS, Trial

    return [
        Trial(
            method=method,
            data=str(args.data.resolve()),
            folder=str(folder / method),
            steps=args.steps,
            preset=args.preset,
            overrides=overrides_of(args.set),
            device=str(placement.device),
            precision=placement.precision,
            metric=args.metric,
        )
        for method in METHODS
    ]


@contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    """Where the runs are kept: as asked for, or a folder that is removed at the end."""
    if asked is not None:
        yield asked.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="cut-compare-") as folder:
        yield Path(folder)


def _print(results: list[dict[str, Any]], metric: str | None) -> None:
    from cut.comparison import BASELINE, PAPER

    head = f"{'':10}{'s a step':>10}{'memory':>10}{'GFLOP':>8}{'faster':>9}{'lighter':>9}"
    print(head + (f"{metric:>14}" if metric else ""))
    for row in results:
        shares = (f"{row[key]:>9.0%}" if row["name"] != BASELINE else f"{'–':>9}" for key in PAPER)
        line = f"{row['name']:10}{row['seconds']:10.3f}{row['memory_gb']:7.2f} GB"
        line += f"{row['gflop']:8.0f}" + "".join(shares)
        print(line + (f"{row['score']['value']:14.4f}" if metric else ""))
    fast = next(row for row in results if row["name"] == "fastcut")
    print(
        f"FastCUT against CycleGAN: {fast['faster']:.0%} faster, {fast['lighter']:.0%} lighter; "
        f"in the paper {PAPER['faster']:.0%} and {PAPER['lighter']:.0%}"
    )
