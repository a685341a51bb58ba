"""`evaluate`: how near a checkpoint's translations come to the target, beside doing nothing."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.commands import evaluate_labels
from cut.commands.options import add_device_options
from cut.errors import CutError
from cut.evaluation import METRICS, WEIGHTS

LEAST_SIDE, MOST_SIDE = 8, 4096
"""Px, of the short side that pictures are scored at."""

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint
    from cut.evaluation.change import ChangeByMask
    from cut.evaluation.intervals import Interval
    from cut.evaluation.report import Result
    from cut.evaluation.sheet import ContactSheet
    from cut.translate import Translator


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` and its options to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a checkpoint's translations against real pictures",
        description="Translate pictures and score the results against real pictures of the target "
        "domain, beside what the untranslated pictures score. Less is better. kid-lite0 and "
        "sifid-lite0 need no network; kid and fid download Inception weights once (about 95 MB). "
        "fid is biased upwards with few pictures: compare only scores of equally many.",
        epilog="cityscapes compares PNG files of labels, --source those that a segmentation "
        "network (not included) saw in the translations, --target the true ones, and prints pixel "
        "accuracy, class accuracy and mean IoU. The paper's network is a DRN-D-22 trained on "
        "Cityscapes at 256 x 128: photos are scaled to that size by a bicubic filter, true labels "
        "by nearest neighbour.",
    )
    add = parser.add_argument
    add("--checkpoint", metavar="NAME|DIR|FILE.pth", help="the model to score")
    add(
        "--weights",
        choices=(*WEIGHTS, "all"),
        help="of a training run, whose name (or a job's id) --checkpoint gives: the last step's, "
        "their running average (ema), the best that train --evaluate-every kept, or all, one after "
        "the other",
    )
    add("--source", required=True, type=Path, metavar="DIR|IMG", help="pictures to translate")
    add("--target", required=True, type=Path, metavar="DIR|IMG", help="real pictures to reach")
    add(
        "--metric",
        choices=(*METRICS, evaluate_labels.METRIC),
        default="kid-lite0",
        help="default: %(default)s",
    )
    add(
        "--size",
        type=_side,
        metavar="N",
        help="short side all pictures are scaled to (default: 256; sifid-lite0: 512)",
    )
    add("--limit", type=_count, metavar="N", help="translate only the first N pictures")
    add(
        "--masks",
        type=Path,
        metavar="DIR",
        help="PNG files of the pictures' names, white where the "
        "object is: measure the change inside and outside",
    )
    add("--sheet", type=Path, metavar="FILE", help="draw inputs over outputs into a JPEG or PNG")
    add("--report", type=Path, metavar="FILE.html", help="write a page that needs nothing else")
    add("--seed", type=int, default=0, help="draws the report's pictures (default: 0)")
    add("--output", type=Path, metavar="FILE.json", help="write what --json prints to a file")
    add_device_options(parser)
    add("--json", action="store_true", help="print the score as JSON, in the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score as `args` say and print it; raises CutError for what the user can mend."""
    _check_ending(args.report, ".html")
    _check_ending(args.output, ".json")
    if args.metric == evaluate_labels.METRIC:
        return evaluate_labels.run(args)
    if args.checkpoint is None:
        raise CutError("--checkpoint: name the model to score")
    from cut.evaluation.change import ChangeByMask
    from cut.evaluation.features import list_pictures
    from cut.evaluation.sheet import ContactSheet
    from cut.translate import load

    # What is wrong with the call shows before a model is loaded.
    for place in (args.source, args.target):
        list_pictures(place)
    sheet = ContactSheet(args.sheet) if args.sheet else None
    if sheet and args.weights == "all":
        raise CutError("--sheet shows one model: choose one of the --weights")
    results = []
    for model, weights in _models(args):
        change = ChangeByMask(args.masks, args.source, _say) if args.masks else None
        translator = load(model, device=args.device, precision=args.precision)
        results.append(_evaluate(args, translator, weights, sheet, change))
        _print(results[-1], args)
    try:
        _write(args, translator, results)
        if sheet is not None:
            sheet.save()
    finally:
        # A full disk takes the files, not the score that was waited for.
        if args.json:
            print(json.dumps(_as_dict(results)))
    return 0


def _models(args: argparse.Namespace) -> "Iterator[tuple[str | Checkpoint, str | None]]":
    """What to load, and which weights of a run it is; there until the next one is asked for."""
    if args.weights is None:
        yield args.checkpoint, None
        return
    from cut.evaluation.weights import find_run, kept, model_of

    run = find_run(args.checkpoint)
    for weights in kept(run, args.weights):
        with model_of(run, weights) as model:
            yield model, weights


def _evaluate(
    args: argparse.Namespace,
    translator: "Translator",
    weights: str | None,
    sheet: "ContactSheet | None",
    change: "ChangeByMask | None",
) -> "Result":
    from cut.evaluation.report import Album, Result
    from cut.evaluation.scores import evaluate

    album = Album(args.seed) if args.report else None
    score = evaluate(
        translator,
        args.source,
        args.target,
        args.metric,
        size=args.size,
        limit=args.limit,
        device=str(translator.placement.device),
        watchers=[watcher.add for watcher in (change, album, sheet) if watcher is not None],
        report=_say,
        progress=_progress,
    )
    name = translator.checkpoint.name if weights is None else f"{args.checkpoint}, {weights}"
    return Result(name, score, album, change.measured() if change else None, weights)


def _as_dict(results: "Sequence[Result]") -> dict[str, Any]:
    """For JSON: a score, or of all weights of a run a list of them."""
    if len(results) == 1:
        return results[0].as_dict()
    return {"metric": results[0].score.metric, "results": [one.as_dict() for one in results]}


def _write(args: argparse.Namespace, translator: "Translator", results: "Sequence[Result]") -> None:
    """The files that were asked for."""
    from cut.evaluation.report import write_report
    from cut.files import write_text

    if args.output:
        write_text(args.output, json.dumps(_as_dict(results)) + "\n")
    if args.report:
        write_report(args.report, results, _facts(args, translator), args.seed)


def _facts(args: argparse.Namespace, translator: "Translator") -> dict[str, str]:
    """How the scores were made, for the page."""
    from cut.library.speed import machine

    model, placement = translator.checkpoint, translator.placement
    steps = model.steps if args.weights != "all" else 0
    name = model.name if args.weights is None else args.checkpoint
    trained = [f"{steps:,} steps of {model.config.get('method')}"] if steps else []
    trained += [f"on {model.data}"] if model.data else []
    return {
        "command": shlex.join(["python", "-m", "cut", *sys.argv[1:]]),
        "model": ", ".join([f"{model.title} ({name})", " ".join(trained)]).rstrip(", "),
        "source": str(args.source),
        "target": str(args.target),
        "machine": f"{machine(placement.device)}, {placement.precision}",
    }


def _check_ending(path: Path | None, ending: str) -> None:
    if path is not None and path.suffix.lower() != ending:
        raise CutError(f"{path.name}: call it {path.stem}{ending}")


def _print(result: "Result", args: argparse.Namespace) -> None:
    score, change = result.score, result.change
    print(f"{score.metric}, {_pictures(score.images)} against {score.targets}; less is better")
    print(f"  {result.name}: {score.value:.4f}{_spread(score.interval)}")
    print(f"  doing nothing: {score.doing_nothing:.4f}{_spread(score.doing_nothing_interval)}")
    if score.gain_interval is not None:
        print(f"  gain: {score.gain:.4f}{_spread(score.gain_interval)}")
    print(f"  structure kept: {score.structure_kept:.2f}  (correlation of edges; 1 is all)")
    if change is not None:
        print(f"  change outside the masks: {change.outside:.2f}{_spread(change.outside_interval)}")
        print(f"  change inside: {change.inside:.2f}{_spread(change.inside_interval)}")
        outside = f"{change.texture_outside:.2f}{_spread(change.texture_outside_interval)}"
        inside = f"{change.texture_inside:.2f}{_spread(change.texture_inside_interval)}"
        print(f"  of texture, finer than 16 px, outside: {outside}, inside: {inside}")
        print(f"  (mean absolute difference in levels of 0 to 255, {_pictures(change.images)})")
    elif args.masks:
        print("  change: not measured, no mask showed an object with something around it")
    if score.skipped:
        print(f"  skipped: {_pictures(score.skipped)}")


def _spread(interval: "Interval | None") -> str:
    return "  (95 % interval {:.4g} to {:.4g})".format(*interval) if interval else ""


def _pictures(count: int) -> str:
    return f"{count} picture" if count == 1 else f"{count} pictures"


def _progress(files: Sequence[Path], title: str) -> Iterable[Path]:
    from tqdm import tqdm

    return tqdm(files, desc=title, unit="picture", file=sys.stderr, disable=None)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)  # above the bar, not through it


def _side(text: str) -> int:
    side = _count(text)
    if not LEAST_SIDE <= side <= MOST_SIDE:
        raise argparse.ArgumentTypeError(f"{side} px: choose from {LEAST_SIDE} to {MOST_SIDE}")
    return side


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)
