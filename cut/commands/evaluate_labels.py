"""`evaluate --metric cityscapes`: predicted label maps against true ones."""

import argparse
import json
from pathlib import Path
from typing import Any

from cut.errors import CutError

METRIC = "cityscapes"

_OTHERS = ("checkpoint", "weights", "size", "masks", "sheet", "report")
"""Options that speak of translating."""


def run(args: argparse.Namespace) -> int:
    """Score labels as `args` say and print it; raises CutError for what the user can mend."""
    asked = [name for name in _OTHERS if getattr(args, name) is not None]
    if asked:
        raise CutError(
            f"--{asked[0]} has no meaning with cityscapes, which compares label maps: --source are "
            "those that a segmentation network predicted from the translations, --target the true"
        )
    result = score(args.source, args.target, args.limit)
    if args.output:
        from cut.files import write_text

        write_text(args.output, json.dumps(result) + "\n")
    _print(result)
    if args.json:
        print(json.dumps(result))
    return 0


def score(predicted: Path, true: Path, limit: int | None = None) -> dict[str, Any]:
    """The scores of two folders of label files, as `--json` prints them.

    Raises:
        CutError: files or sizes do not match, a label is none of Cityscapes', or no pixel counts.
    """
    import numpy as np

    from cut.evaluation.cityscapes import CLASSES, SCORES, class_iou, confusion_matrix, intervals
    from cut.evaluation.label_files import pairs, read_labels

    confusions = []
    for one, other in pairs(predicted, true)[:limit]:
        labels = read_labels(one), read_labels(other)
        try:
            confusions.append(confusion_matrix(*labels))
        except CutError as error:
            raise CutError(f"{one.name}: {error}") from error
    whole = np.sum(confusions, 0)
    if not whole.any():
        raise CutError(f"no pixel in {true} counts: all are labelled 255 or as uncounted things")
    spread = intervals(np.stack(confusions))
    iou = class_iou(whole)
    return {
        "metric": METRIC,
        **{name: float(measure(whole)) for name, measure in SCORES.items()},
        "intervals": spread and {name: list(ends) for name, ends in spread.items()},
        "iou": {name: float(iou[k]) for k, name in enumerate(CLASSES) if not np.isnan(iou[k])},
        "images": len(confusions),
    }


def _print(result: dict[str, Any]) -> None:
    from cut.evaluation.cityscapes import CLASSES

    print(f"cityscapes, {result['images']} label maps; more is better")
    for name in ("pixel_accuracy", "class_accuracy", "mean_iou"):
        ends = result["intervals"] and result["intervals"][name]
        spread = "  (95 % interval {:.3f} to {:.3f})".format(*ends) if ends else ""
        print(f"  {name.replace('_', ' ').replace('iou', 'IoU')}: {result[name]:.3f}{spread}")
    there = len(result["iou"])
    if there < len(CLASSES):
        print(f"  classes: {there} of {len(CLASSES)}; the others are neither true nor predicted")
