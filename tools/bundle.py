"""Make a bundled checkpoint of a run: half-precision weights, its score, and pairs of samples.

    PYTHONPATH=. python tools/bundle.py RUN/last horse2zebra --title "Horse to zebra" \\
        --summary "..." --data horse2zebra --terms "..." --score score.json --samples DIR

`score.json` is the last line of `python -m cut evaluate --json`; DIR holds the pictures to show.
The model card (README.md) is written by hand, and kept if it is there.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from cut.checkpoints import BUNDLED, read_checkpoint, write_checkpoint
from cut.data.folders import pictures_in
from cut.errors import CutError
from cut.library.samples import SAMPLE_SIZE, keep_sample
from cut.pictures import read_picture, resize_short_side
from cut.translate import load


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    for option in ("title", "summary", "data", "terms"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--example", default="", help="the example picture that suits it best")
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    args = parser.parse_args()
    try:
        bundle(args)
    except CutError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 2
    return 0


def bundle(args: argparse.Namespace) -> None:
    """Write checkpoints/NAME anew."""
    source = read_checkpoint(args.run)
    measured = json.loads(args.score.read_text().splitlines()[-1])
    keys = ("metric", "value", "interval", "doing_nothing", "images")
    values = source.config | {
        "name": args.name,
        "title": args.title,
        "summary": args.summary,
        "example": args.example,
        "data": {"name": args.data, "terms": args.terms},
        "score": {key: measured[key] for key in keys} | {"size": 256},
    }
    model = write_checkpoint(
        BUNDLED / args.name,
        values,
        source.weights("generator"),
        source.patch_heads_state(),
        dtype=torch.float16,
    )
    translator = load(model, precision="fp32")
    for path in pictures_in(args.samples):
        picture = resize_short_side(read_picture(path), SAMPLE_SIZE)
        keep_sample(model, path.stem, picture, translator(picture))
    print(f"{model.folder}: {model.size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
