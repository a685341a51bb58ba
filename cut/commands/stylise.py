"""`stylise`: the style transfer of Gatys et al., CUT's baseline for two single pictures."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_json_option

if TYPE_CHECKING:
    from cut.stylise import Stylised


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "stylise",
        help="style transfer of Gatys et al., the baseline for two pictures",
        description="Optimise a picture until VGG-19 sees the content picture's shapes and the "
        "style picture's textures in it (Gatys et al. 2016). It is what the paper compares "
        "single-image CUT with: a sincut run's source is the content, its target the style. "
        "VGG-19's weights (548 MB) are downloaded once.",
    )
    add = parser.add_argument
    add("--content", type=Path, required=True, metavar="IMG", help="whose shapes stay")
    add("--style", type=Path, required=True, metavar="IMG", help="whose textures are taken over")
    add("--output", type=Path, required=True, metavar="FILE.png", help="for the result")
    add("--size", type=int, default=512, help="longer side in px, 64 to 1024 (default: 512)")
    add("--steps", type=int, default=500, help="evaluations of the loss (default: 500)")
    add("--style-weight", type=float, default=1e3, help="against 1 of content (default: 1000)")
    add("--noise", action="store_true", help="begin with noise, not with the content picture")
    add("--seed", type=int, default=0, help="of the noise (default: 0)")
    add("--score", action="store_true", help="print SIFID-lite0 against the style picture")
    add("--overwrite", action="store_true", help="replace a PNG that is there")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    add("--precision", default="fp32", help="fp32 (default), auto or bf16")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stylise as `args` say; raises CutError for what the user can mend."""
    from cut.errors import CutError
    from cut.pictures import save_png

    if args.output.suffix.lower() != ".png":
        raise CutError(f"--output {args.output}: name a .png file")
    if args.output.exists() and not args.overwrite:
        raise CutError(f"{args.output} is there already: add --overwrite or name another file")
    started = time.perf_counter()
    made = _make(args)
    save_png(made.picture, args.output)
    report = {
        "output": str(args.output),
        "width": made.picture.width,
        "height": made.picture.height,
        "steps": made.evaluations,
        "seconds": round(time.perf_counter() - started, 1),
        "first_loss": made.first_loss,
        "last_loss": made.last_loss,
    }
    print(f"{args.output}: loss {made.first_loss:.4g} to {made.last_loss:.4g}")
    if args.score:
        report["score"] = _score(made.picture, args)
    if args.json:
        print(json.dumps(report))
    return 0


def _make(args: argparse.Namespace) -> "Stylised":
    """Optimise the picture, with a progress bar."""
    from cut import stylise
    from cut.device import choose
    from cut.pictures import read_picture

    content, style = (read_picture(path) for path in (args.content, args.style))
    placement = choose(args.device, args.precision)
    # What is wrong with these shows before anything is downloaded.
    stylise.check_options(placement, args.size, args.steps, args.style_weight)
    network = stylise.vgg19()
    print(placement.describe(), file=sys.stderr)
    with tqdm(total=args.steps, unit="step", disable=None) as bar:

        def tell(step: int, loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.4g}")

        return stylise.stylise(
            content,
            style,
            network,
            placement,
            size=args.size,
            steps=args.steps,
            style_weight=args.style_weight,
            noise=args.noise,
            seed=args.seed,
            tell=tell,
        )


def _score(result: Any, args: argparse.Namespace) -> dict[str, Any]:
    """SIFID-lite0 of the result, with what the content picture itself scores beside it."""
    from cut.evaluation.scores import evaluate

    # It works at a size of its own: the result stands for the translation at every size.
    score = evaluate(
        lambda picture: result.resize(picture.size), args.content, args.style, "sifid-lite0"
    )
    print(f"sifid-lite0: {score.value:.1f} (doing nothing: {score.doing_nothing:.1f})")
    return score.as_dict()
