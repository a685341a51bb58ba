"""Count the black spots in models' translations: shares of the pictures, and of their area.

    python -m benchmarks.spots --source horse2zebra/testA [--checkpoint horse2zebra ...] [--json]

A spot is a square of 5 px or more that is black in the translation and was not nearly so in the
picture (`cut.methods.spots`).
"""

import argparse
import json
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from cut.data.folders import pictures_in, to_tensor
from cut.errors import CutError
from cut.methods.spots import black_spots
from cut.pictures import read_picture, resize_short_side
from cut.translate import Translator, load

RADIUS = 2


def spots_in(model: Translator, files: list[Path], size: int) -> list[Tensor]:
    """What `cut.methods.spots.black_spots` finds, 1 x 1 x H x W, `size` px the short side."""
    found = []
    for file in tqdm(files, model.checkpoint.name, unit="picture", disable=None):
        picture = resize_short_side(read_picture(file), size)
        result = model(picture, size=None)
        found.append(black_spots(to_tensor(picture)[None], to_tensor(result)[None], RADIUS))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--checkpoint", nargs="+", default=["horse2zebra", "horse2zebra_small"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    try:
        files = pictures_in(args.source)
        models = [load(name, "cpu", "fp32") for name in args.checkpoint]
    except CutError as error:
        parser.error(str(error))
    for name, model in zip(args.checkpoint, models, strict=True):
        spots = spots_in(model, files, args.size)
        row = {
            "checkpoint": name,
            "pictures": len(files),
            "with_spots": sum(bool(one.any()) for one in spots) / len(files),
            "area": sum(one.mean().item() for one in spots) / len(files),
        }
        if args.json:
            print(json.dumps(row))
        else:
            print(
                f"{name}: spots in {row['with_spots']:.0%} of {len(files)} pictures, "
                f"{row['area']:.2%} of their area"
            )


if __name__ == "__main__":
    main()
