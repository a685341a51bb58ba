"""`correspond`: what the contrastive loss sees at one place of a picture, as a figure."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.commands.options import add_device_options, add_json_option
from cut.errors import CutError

if TYPE_CHECKING:
    from cut.figures import Format


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "correspond",
        help="draw which patches the contrastive loss takes for the same",
        description="Translate a picture and draw, for one place of it, how similar the output's "
        "patch is to the input's patches, with positive, negatives and loss of each layer.",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="NAME|DIR|FILE.pth", help="the model to use")
    add("--image", required=True, type=Path, metavar="IMAGE", help="the picture to translate")
    add(
        "--patch",
        required=True,
        nargs=2,
        type=float,
        metavar=("X", "Y"),
        help="the place, in pixels of the picture from the top left",
    )
    add(
        "--output",
        required=True,
        type=Path,
        metavar="FIGURE",
        help="the figure to write: .png, .svg or .pdf",
    )
    add("--layer", type=int, metavar="N", help="draw this layer alone, large (default: all)")
    add(
        "--size",
        type=int,
        default=256,
        metavar="256|384|512",
        help="short side to work at, in px (default: 256)",
    )
    add("--arrays", type=Path, metavar="FILE.npz", help="write all vectors and maps, too")
    add("--overwrite", action="store_true", help="replace files that are there")
    add_device_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the figure, and the arrays if asked; raises CutError for what does not fit."""
    # What takes no computing is checked first: a wrong name should not cost a translation.
    kind = _format_of(args.output)
    _check_targets(args)
    x, y = args.patch
    if not (math.isfinite(x) and math.isfinite(y)):
        raise CutError(f"--patch {x:g} {y:g}: two numbers of pixels from the top left")

    from cut.correspondence import check_place, correspond, correspondence_report
    from cut.figures import correspondence_figure, figure_bytes
    from cut.files import whole_file
    from cut.pictures import read_picture
    from cut.translate import load

    picture = read_picture(args.image)
    check_place(x, y, picture.size)
    translator = load(args.checkpoint, args.device, args.precision)
    print(translator.placement.describe(), file=sys.stderr)
    view = correspond(translator, picture, args.size)
    report = correspondence_report(view, x, y, args.layer)
    contents = {args.output: figure_bytes(correspondence_figure(view, x, y, args.layer), kind)}
    if args.arrays:
        contents[args.arrays] = view.to_npz_bytes()
    for path, content in contents.items():
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
    for note in report["notes"]:
        print(f"cut: {note}", file=sys.stderr)
    _print(report, list(contents))
    if args.json:
        files = {"figure": str(args.output), "arrays": args.arrays and str(args.arrays)}
        print(json.dumps(files | report))
    return 0


def _format_of(path: Path) -> "Format":
    """The format that a file's name ends in."""
    endings: dict[str, Format] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
    try:
        return endings[path.suffix.lower()]
    except KeyError:
        raise CutError(f"--output {path}: a figure's name ends in .png, .svg or .pdf") from None


def _check_targets(args: argparse.Namespace) -> None:
    if args.arrays and args.arrays.suffix.lower() != ".npz":
        raise CutError(f"--arrays {args.arrays}: the name ends in .npz")
    for path in filter(None, (args.output, args.arrays)):
        if not path.parent.is_dir():
            raise CutError(f"no folder {path.parent} for {path.name}: make it first")
        if path.is_dir():
            raise CutError(f"{path} is a folder: name a file")
        if path.exists() and not args.overwrite:
            raise CutError(f"{path} is there already: add --overwrite or choose another name")


def _print(report: dict[str, Any], files: list[Path]) -> None:
    print(f"{'layer':>5}{'positive':>10}{'hardest':>9}{'probability':>13}{'loss':>8}   rank")
    for row in report["layers"]:
        print(
            f"{row['layer']:5}{row['positive']:10.3f}{row['hardest'][0]['similarity']:9.3f}"
            f"{row['probability']:13.3g}{row['loss']:8.3f}   {row['rank']} of {row['of']}"
        )
    for path in files:
        print(path)
