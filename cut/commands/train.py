"""`train`: a model from pictures, with a progress bar, previews, and saves that resume."""

import argparse
import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_device_options, add_json_option, minutes, step_count
from cut.errors import CutError

if TYPE_CHECKING:
    from cut.device import Placement
    from cut.events import Scored
    from cut.trainer import Run, Step

LOG_EVERY = 50
"""Steps between two lines of `log.jsonl`."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "train",
        help="train a model on two sets of pictures, or on two pictures",
        epilog="On several GPUs: torchrun --nproc-per-node N -m cut train --set batch_size=K*N ...",
    )
    parser.add_argument(
        "--method", default="cut", help="cut, fastcut, cyclegan, sincut or distill (default: cut)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="holds trainA/ and trainB/; for distill trainA/ will do",
    )
    for side in ("source", "target"):
        parser.add_argument(f"--{side}", type=Path, metavar="IMG", help=f"sincut's {side} picture")
    parser.add_argument("--name", required=True, help="what to call the model")
    parser.add_argument(
        "--name-back", metavar="NAME", help="what to call cyclegan's model from B to A, to keep it"
    )
    parser.add_argument(
        "--teacher", metavar="NAME|DIR", help="the model that distill's smaller one learns from"
    )
    parser.add_argument(
        "--preset", default="paper", help="paper, compact, or quick for sincut (default: paper)"
    )
    parser.add_argument("--steps", type=int, help="length of the schedule, instead of epochs")
    parser.add_argument("--minutes", type=minutes, help="save and stop after so long; see --resume")
    parser.add_argument("--seed", type=int, help="of every random choice (default: 0)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any setting, as in cut/config/settings.py; may be repeated",
    )
    parser.add_argument(
        "--start-from", metavar="NAME|DIR", help="begin with the generator of another model"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last save")
    parser.add_argument("--overwrite", action="store_true", help="begin anew under a taken name")
    parser.add_argument("--preview-every", type=step_count, default=500, metavar="STEPS")
    parser.add_argument("--save-every", type=step_count, default=500, metavar="STEPS")
    parser.add_argument(
        "--evaluate-every",
        type=step_count,
        metavar="STEPS",
        help="score on testA/ and testB/ by KID-lite0 so often, and keep the best (default: never)",
    )
    add_device_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, alone or as one of the processes that `torchrun` started."""
    from cut.distributed import joined

    with joined(args.device, args.precision) as placement:
        return _train(args, placement)


def _train(args: argparse.Namespace, placement: "Placement") -> int:
    from cut.checkpoints import find, home
    from cut.config import preset, with_overrides
    from cut.library import publish
    from cut.trainer import Run

    first = placement.ranks.first
    overrides = _overrides(args)
    # What a resumed run changes is checked together with what it was begun with.
    settings = preset(args.method, args.preset)
    if not args.resume:
        settings = with_overrides(settings, overrides)
    _keep_what_it_learns_from(args.name, overrides)
    training = Run(
        name=args.name,
        settings=settings,
        data=_data(args),
        name_back=args.name_back or "",
        folder=_run_folder(args) if first else home() / "runs" / args.name,
        placement=placement,
        minutes=args.minutes,
        preview_every=args.preview_every,
        save_every=args.save_every,
        evaluate_every=args.evaluate_every,
        overrides=overrides if args.resume else {},
        start_from=find(args.start_from) if args.start_from and first else None,
        overwrite=args.overwrite,
    )
    if first:
        print(placement.describe(), file=sys.stderr)
    last = _drive(training, args.resume)
    if not first:
        return 0
    model = publish(training.folder / "last", args.name)
    back = publish(training.folder / "back", args.name_back) if args.name_back else None
    if args.json:
        losses = last.losses if last else {}
        report = {
            "name": model.name,
            "folder": str(model.folder),
            "steps": training.step,
            "seconds": round(training.seconds, 1),
            "losses": losses,
        }
        print(json.dumps(report | ({"name_back": back.name} if back else {})))
    else:
        for made in filter(None, (model, back)):
            print(f"{made.name}: {training.step} steps, in {made.folder}")
        print(f"try it: python -m cut translate --checkpoint {model.name} --output out IMAGE")
    return 0


def _drive(training: "Run", resume: bool) -> "Step | None":
    """Iterate over the run's events; an interrupt saves and stops."""
    from cut.events import Preview, Scored, Skipped, Step

    interrupted = signal.signal(signal.SIGINT, lambda *_: training.stop())
    terminated = signal.signal(signal.SIGTERM, lambda *_: training.stop())
    last: Step | None = None
    first = training.placement.ranks.first
    # With a delay, however short, nothing is drawn before the first step.
    with tqdm(unit="step", dynamic_ncols=True, disable=not first, delay=1e-9) as bar:
        try:
            for event in training.train(resume):
                if isinstance(event, Step):
                    last = event
                    if first:
                        _advance(bar, event)
                        _log(training.folder, event)
                elif isinstance(event, Preview):
                    _keep_preview(training.folder, event.step, event.picture)
                elif isinstance(event, Scored):
                    _tell_score(training.folder, bar, event)
                elif isinstance(event, Skipped):
                    bar.write(f"cut: skipped: {event.message} ({event.total} so far)", sys.stderr)
        finally:
            signal.signal(signal.SIGINT, interrupted)
            signal.signal(signal.SIGTERM, terminated)
    return last


def _advance(bar: "tqdm[Any]", event: "Step") -> None:
    if bar.total is None:  # steps that an earlier run made are no part of this one's pace
        bar.total, bar.initial = event.total, event.step - 1
        bar.n = bar.last_print_n = bar.initial
    bar.update(event.step - bar.n)
    bar.set_postfix({key: f"{value:.2f}" for key, value in event.losses.items()})


def _log(folder: Path, event: "Step") -> None:
    if event.step % LOG_EVERY and event.step != event.total:
        return
    losses = {key: round(value, 5) for key, value in event.losses.items()}
    row = {"step": event.step, "time": round(time.time()), "seconds": round(event.seconds, 4)}
    _append(folder, row | losses)


def _append(folder: Path, row: dict[str, Any]) -> None:
    # Training goes on without it: what a full disk cannot take of the next save is told there.
    with suppress(OSError), (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _tell_score(folder: Path, bar: "tqdm[Any]", event: "Scored") -> None:
    kept = f", the best so far, kept in {folder / 'best'}" if event.best else ""
    nothing = f"doing nothing {event.doing_nothing:.4f}"
    bar.write(f"step {event.step}: KID-lite0 {event.value:.4f} ({nothing}){kept}", sys.stderr)
    row = {"step": event.step, "time": round(time.time()), "kid_lite0": round(event.value, 5)}
    _append(folder, row)


def _keep_preview(folder: Path, step: int, picture: Any) -> None:
    from cut.files import whole_file

    with whole_file(folder / "previews" / f"{step:07d}.jpg") as temporary:
        picture.save(temporary, "JPEG", quality=90)


def _data(args: argparse.Namespace) -> "Path | tuple[Path, Path]":
    """The folder or the two pictures, whichever the method trains on."""
    pair = [path.resolve() for path in (args.source, args.target) if path is not None]
    if args.method == "sincut":
        if len(pair) != 2 or args.data is not None:
            raise CutError("sincut trains on two pictures: give --source and --target, no --data")
        return pair[0], pair[1]
    if args.data is None or pair:
        folders = "a folder" if args.method == "distill" else "two folders"
        raise CutError(f"{args.method} trains on {folders}: give --data, no --source or --target")
    return args.data.resolve()


def overrides_of(texts: list[str]) -> dict[str, str]:
    """Settings by name from the texts of `--set KEY=VALUE`.

    Raises:
        CutError: one is of another form.
    """
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise CutError(f"--set {text}: write KEY=VALUE")
        overrides[key] = value
    return overrides


def _overrides(args: argparse.Namespace) -> dict[str, str]:
    from cut.checkpoints import NAME
    from cut.config import NAMING_MODELS

    overrides = overrides_of(args.set)
    for key in ("steps", "seed", "teacher"):
        if getattr(args, key) is not None:
            overrides[key] = str(getattr(args, key))
    if args.teacher is not None and args.method != "distill":
        raise CutError(f"--teacher: for --method distill alone, not for {args.method}")
    for key in NAMING_MODELS:
        # A folder is found again from wherever the run is resumed.
        if key in overrides and not NAME.fullmatch(overrides[key]):
            overrides[key] = str(Path(overrides[key]).expanduser().resolve())
    return overrides


def _keep_what_it_learns_from(name: str, overrides: dict[str, str]) -> None:
    """Raise CutError where the new model would take the place of one that it learns from."""
    from cut.checkpoints import home
    from cut.config import NAMING_MODELS

    own = home() / "checkpoints" / name
    for key in NAMING_MODELS:
        if key in overrides and (overrides[key] == name or Path(overrides[key]) == own.resolve()):
            raise CutError(
                f"setting {key}={overrides[key]}: it would be overwritten by the model "
                "that learns from it; choose another --name"
            )


def _run_folder(args: argparse.Namespace) -> Path:
    from cut.checkpoints import home
    from cut.library import claim

    folder = home() / "runs" / args.name
    if args.resume and args.overwrite:
        raise CutError("--resume goes on and --overwrite begins anew: choose one")
    claim(args.name, overwrite=args.resume or args.overwrite)
    if args.name_back is not None:
        if args.method != "cyclegan":
            raise CutError(f"--name-back: {args.method} learns one way only; cyclegan learns both")
        if args.name_back == args.name:
            raise CutError("--name-back: the two ways need two names")
        claim(args.name_back, overwrite=args.resume or args.overwrite)
    if folder.exists() and not (args.resume or args.overwrite):
        raise CutError(f"there is a run {args.name!r} already: add --resume or --overwrite")
    return folder
