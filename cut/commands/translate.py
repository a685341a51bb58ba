"""`translate`: pictures through a checkpoint, one PNG each."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_device_options, add_json_option, working_size
from cut.errors import CutError

if TYPE_CHECKING:
    from cut.translate import Translator


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("translate", help="translate pictures with a checkpoint")
    parser.add_argument(
        "--checkpoint", required=True, metavar="NAME|DIR|FILE.pth", help="the model to use"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="for the PNGs")
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
    parser.add_argument("--overwrite", action="store_true", help="replace PNGs that are there")
    add_device_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Translate what can be read; names and counts the rest. 2 if nothing could be translated."""
    from cut.translate import load

    images = list(_files(args.images))
    translator = load(args.checkpoint, args.device, args.precision)
    print(translator.placement.describe(), file=sys.stderr)
    written, skipped = [], []
    bar = tqdm(list(zip(images, _targets(images, args.output), strict=True)), unit="picture")
    for source, target in bar:
        try:
            seconds = _translate(translator, source, target, args)
        except CutError as error:
            skipped.append({"input": str(source), "error": str(error)})
            bar.write(f"cut: skipped: {error}", file=sys.stderr)
        else:
            written.append({"input": str(source), "output": str(target), "seconds": seconds})
    if not args.json:
        for row in written:
            print(f"{row['output']}  {row['seconds']:.2f} s")
    if skipped:
        print(f"cut: {len(skipped)} of {len(images)} skipped", file=sys.stderr)
    if args.json:
        report = {
            "checkpoint": translator.checkpoint.name,
            "device": str(translator.placement.device),
            "precision": translator.placement.precision,
            "written": written,
            "skipped": skipped,
        }
        print(json.dumps(report))
    return 0 if written else 2


def _translate(
    translator: "Translator", source: Path, target: Path, args: argparse.Namespace
) -> float:
    from cut.pictures import read_picture, save_png

    if target.exists() and not args.overwrite:
        raise CutError(f"{target} is there already: add --overwrite or choose another --output")
    picture = read_picture(source)
    start = time.perf_counter()
    result = translator(picture, args.size, args.strength)
    seconds = time.perf_counter() - start
    save_png(result, target)
    return round(seconds, 3)


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
        name, count = image.stem, 1
        while name.lower() in taken:
            count += 1
            name = f"{image.stem}-{count}"
        taken.add(name.lower())
        yield folder / f"{name}.png"
