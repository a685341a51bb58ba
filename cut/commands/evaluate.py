"""`evaluate`: how near a checkpoint's translations come to the target, beside doing nothing."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.evaluation import METRICS

if TYPE_CHECKING:
    from cut.evaluation.intervals import Interval
    from cut.evaluation.scores import Score


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` and its options to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a checkpoint's translations against real pictures",
        description="Translate pictures and score the results against real pictures of the target "
        "domain, beside what the untranslated pictures score. Less is better. kid-lite0 and "
        "sifid-lite0 need no network; kid and fid download Inception weights once (about 95 MB). "
        "fid is biased upwards with few pictures: compare only scores of equally many.",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="NAME|DIR|FILE.pth", help="the model to score")
    add("--source", required=True, type=Path, metavar="DIR|IMG", help="pictures to translate")
    add("--target", required=True, type=Path, metavar="DIR|IMG", help="real pictures to reach")
    add("--metric", choices=METRICS, default="kid-lite0", help="default: %(default)s")
    add(
        "--size",
        type=_count,
        metavar="N",
        help="short side all pictures are scaled to (default: 256; sifid-lite0: 512)",
    )
    add("--limit", type=_count, metavar="N", help="translate only the first N pictures")
    add("--sheet", type=Path, metavar="FILE", help="draw inputs over outputs into a JPEG or PNG")
    add("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")
    add("--precision", default="auto", help="auto (default), fp32, bf16 or fp16")
    add("--json", action="store_true", help="print the score as JSON, in the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score as `args` say and print it; raises CutError for what the user can mend."""
    from cut.evaluation.features import list_pictures
    from cut.evaluation.scores import evaluate
    from cut.evaluation.sheet import ContactSheet
    from cut.translate import load

    # What is wrong with the call shows before a model is loaded.
    for place in (args.source, args.target):
        list_pictures(place)
    sheet = ContactSheet(args.sheet) if args.sheet else None
    translator = load(args.checkpoint, device=args.device, precision=args.precision)
    score = evaluate(
        translator,
        args.source,
        args.target,
        args.metric,
        size=args.size,
        limit=args.limit,
        device=str(translator.placement.device),
        watchers=[lambda pair: sheet.add(pair.before, pair.after)] if sheet else [],
        report=_say,
        progress=_progress,
    )
    try:
        if sheet is not None:
            sheet.save()
    finally:
        # A full disk takes the sheet, not the score that was waited for.
        _print(score, translator.checkpoint.name, args)
    return 0


def _print(score: "Score", name: str, args: argparse.Namespace) -> None:
    print(f"{score.metric}, {_pictures(score.images)} against {score.targets}; less is better")
    print(f"  {name}: {score.value:.4f}{_spread(score.interval)}")
    print(f"  doing nothing: {score.doing_nothing:.4f}{_spread(score.doing_nothing_interval)}")
    if score.gain_interval is not None:
        print(f"  gain: {score.gain:.4f}{_spread(score.gain_interval)}")
    print(f"  structure kept: {score.structure_kept:.2f}  (correlation of edges; 1 is all)")
    if score.skipped:
        print(f"  skipped: {_pictures(score.skipped)}")
    if args.json:
        print(json.dumps(score.as_dict()))


def _spread(interval: "Interval | None") -> str:
    return "  (95 % interval {:.4g} to {:.4g})".format(*interval) if interval else ""


def _pictures(count: int) -> str:
    return f"{count} picture" if count == 1 else f"{count} pictures"


def _progress(files: Sequence[Path], title: str) -> Iterable[Path]:
    from tqdm import tqdm

    return tqdm(files, desc=title, unit="picture", file=sys.stderr)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)  # above the bar, not through it


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)
