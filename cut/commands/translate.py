"""`translate`: pictures through a checkpoint, one PNG each."""

import argparse
import json
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_device_options, add_json_option, gigabytes, working_size
from cut.errors import CutError

if TYPE_CHECKING:
    from PIL import Image

    from cut.bands.run import Progress
    from cut.commands.translate_sheet import ModelSheet
    from cut.translate import Translator

BAND_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("translate", help="translate pictures with checkpoints")
    parser.add_argument(
        "--checkpoint",
        required=True,
        action="append",
        metavar="NAME|DIR|FILE.pth",
        help="the model to use; repeated, every model translates every picture",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="for the PNGs; with several models a folder for each of them in it",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="draw a contact sheet into a JPEG or PNG: a row a picture, a column a model",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="files or folders")
    parser.add_argument(
        "--size",
        type=working_size,
        default=None,
        metavar="native|N",
        help="short side to work at, in px; the result has the input's size (default: native)",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 (the input) to 1 (the translation)"
    )
    parser.add_argument(
        "--memory-limit",
        type=gigabytes,
        metavar="GB",
        help="what a translation may take above the loaded model; large pictures go through in "
        "bands, to the same result (default: CUT_MEMORY_LIMIT_GB, or what is sensible here)",
    )
    parser.add_argument(
        "--ray",
        metavar="auto|HOST:PORT",
        help="share the work on a Ray cluster; IMAGE and --output are in a folder of all machines",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace PNGs that are there")
    add_device_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


@dataclass
class _Outcome:
    """What one model made of the pictures; `error` if it could not be used at all."""

    name: str
    device: str = ""
    precision: str = ""
    error: str = ""
    written: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        if self.error:
            return {"checkpoint": self.name, "error": self.error}
        return {
            "checkpoint": self.name,
            "device": self.device,
            "precision": self.precision,
            "written": self.written,
            "skipped": self.skipped,
        }


def run(args: argparse.Namespace) -> int:
    """Translate what can be read; names and counts the rest. 2 if nothing could be translated.

    Of several models one that cannot be used is named, and the others go on.
    """
    from cut.commands.translate_sheet import ModelSheet

    if args.output is None and args.sheet is None:
        raise CutError("nothing would be written: add --output DIR, --sheet FILE or both")
    if args.ray and (args.output is None or args.sheet is not None):
        raise CutError("--ray writes pictures alone: give --output DIR, no --sheet")
    images = list(_files(args.images))
    sheet = ModelSheet(args.sheet, images) if args.sheet else None
    outcomes: list[_Outcome] = []
    for given in args.checkpoint:
        try:
            if args.ray:
                outcomes.append(_on_cluster(given, images, outcomes, args))
            else:
                outcomes.append(_with_model(given, images, outcomes, sheet, args))
        except CutError as error:
            if len(args.checkpoint) == 1:
                raise
            print(f"cut: skipped: {given}: {error}", file=sys.stderr)
            outcomes.append(_Outcome(given, error=str(error)))
            if sheet is not None:
                sheet.no_model(given, str(error))
    if sheet is not None:
        sheet.save()
    _report(outcomes, sheet, len(images), args)
    return 0 if any(outcome.written for outcome in outcomes) else 2


def _with_model(
    given: str,
    images: Sequence[Path],
    others: Sequence[_Outcome],
    sheet: "ModelSheet | None",
    args: argparse.Namespace,
) -> _Outcome:
    """Translate all `images` with one model. Raises CutError if it cannot be loaded."""
    from cut.translate import load

    translator = load(given, args.device, args.precision)
    name = _free_name(translator.checkpoint.name, {other.name.lower() for other in others})
    placement = translator.placement
    outcome = _Outcome(name, str(placement.device), placement.precision)
    print(placement.describe(), file=sys.stderr)
    if sheet is not None:
        sheet.model(name)
    targets: Iterable[Path | None] = repeat(None, len(images))
    if args.output is not None:
        several = len(args.checkpoint) > 1
        targets = _targets(images, args.output / name if several else args.output)
    title = name if len(args.checkpoint) > 1 else None
    for source, target in tqdm(
        list(zip(images, targets, strict=True)), title, unit="picture", disable=None
    ):
        try:
            picture, result, seconds = _translate(translator, source, target, args)
        except CutError as error:
            outcome.skipped.append({"input": str(source), "error": str(error)})
            tqdm.write(f"cut: skipped: {error}", file=sys.stderr)
            if sheet is not None:
                sheet.skip(source, str(error))
        else:
            output = None if target is None else str(target)
            outcome.written.append({"input": str(source), "output": output, "seconds": seconds})
            if sheet is not None:
                sheet.add(source, picture, result, seconds)
    return outcome


def _on_cluster(
    given: str, images: Sequence[Path], others: Sequence[_Outcome], args: argparse.Namespace
) -> _Outcome:
    """As `_with_model`, on the machines of a Ray cluster; pictures come in any order."""
    from cut.checkpoints import find
    from cut.cluster import Job, translate_all

    checkpoint = find(given)
    name = _free_name(checkpoint.name, {other.name.lower() for other in others})
    outcome = _Outcome(name, f"ray {args.device}", args.precision)
    several = len(args.checkpoint) > 1
    targets = _targets(images, args.output / name if several else args.output)
    pairs = [(s.absolute(), t.absolute()) for s, t in zip(images, targets, strict=True)]
    how = (args.size, args.strength, args.overwrite, args.memory_limit)
    job = Job(checkpoint, args.device, args.precision, *how)
    # Closed at an interrupt as well: pictures that were begun are finished then.
    with closing(translate_all(job, pairs, args.ray)) as made:
        for one in tqdm(made, name if several else None, len(pairs), unit="picture", disable=None):
            row: dict[str, Any] = {"input": str(one.source)}
            if one.error:
                outcome.skipped.append(row | {"error": one.error})
                tqdm.write(f"cut: skipped: {one.error}", file=sys.stderr)
            else:
                outcome.written.append(row | {"output": str(one.target), "seconds": one.seconds})
    return outcome


def _translate(
    translator: "Translator", source: Path, target: Path | None, args: argparse.Namespace
) -> "tuple[Image.Image, Image.Image, float]":
    """Return the picture, its translation and the seconds that it took."""
    from cut.pictures import read_picture, save_png

    if target is not None and target.exists() and not args.overwrite:
        raise CutError(f"{target} is there already: add --overwrite or choose another --output")
    picture = read_picture(source)
    start = time.perf_counter()
    with _bar_of_bands() as progress:
        result = translator(picture, args.size, args.strength, progress, args.memory_limit)
    seconds = time.perf_counter() - start
    if target is not None:
        save_png(result, target)
    return picture, result, round(seconds, 3)


@contextmanager
def _bar_of_bands() -> "Iterator[Progress]":
    """Give what draws a second bar for a picture that goes through in bands."""
    bar: tqdm[Any] | None = None

    def tell(done: int, total: int) -> None:
        nonlocal bar
        if bar is None and total > 1:
            bar = tqdm(desc="in bands", total=total, leave=False, bar_format=BAND_BAR)
        if bar is not None:
            bar.update(done - bar.n)

    try:
        yield tell
    finally:
        if bar is not None:
            bar.close()


def _report(
    outcomes: Sequence[_Outcome], sheet: "ModelSheet | None", images: int, args: argparse.Namespace
) -> None:
    """Print what was written and how much was not."""
    for outcome in outcomes:
        if not args.json:
            for row in outcome.written:
                where = row["output"] or f"{row['input']} with {outcome.name}"
                print(f"{where}  {row['seconds']:.2f} s")
        if outcome.skipped:
            of = f" with {outcome.name}" if len(outcomes) > 1 else ""
            print(f"cut: {len(outcome.skipped)} of {images} skipped{of}", file=sys.stderr)
    if sheet is not None and not args.json:
        print(sheet.path)
    if args.json:
        rows = [outcome.as_dict() for outcome in outcomes]
        report: dict[str, Any] = rows[0] if len(rows) == 1 else {"models": rows}
        print(json.dumps(report | ({"sheet": str(sheet.path)} if sheet is not None else {})))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named; of a folder, the pictures in it."""
    from cut.data.folders import pictures_in

    for path in paths:
        if path.is_dir():
            yield from pictures_in(path)
        else:
            yield path


def _targets(images: Iterable[Path], folder: Path) -> Iterator[Path]:
    """A PNG for each image: `stem.png`, and `stem-2.png` for the second of one stem."""
    taken: set[str] = set()
    for image in images:
        name = _free_name(image.stem, taken)
        taken.add(name.lower())
        yield folder / f"{name}.png"


def _free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or with the first number that makes it differ from those `taken` (lower case)."""
    name, count = wanted, 1
    while name.lower() in taken:
        count += 1
        name = f"{wanted}-{count}"
    return name
