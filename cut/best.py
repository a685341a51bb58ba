"""The best of a run: its averaged weights are scored now and then, and the best are kept.

The score is KID-lite0 on testA/ and testB/ of the data folder. Since the best is chosen by it, it
flatters: of many noisy scores the least is lower than the truth. For a figure to tell others,
score the chosen weights again on pictures that took no part.
"""

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cut.checkpoints import Checkpoint, read_checkpoint
from cut.data.training import Source
from cut.device import Placement
from cut.errors import CutError
from cut.evaluation.features import list_pictures
from cut.evaluation.scores import FOLDER_SIDE, evaluate
from cut.events import Scored
from cut.files import reason
from cut.translate import Translator

METRIC = "kid-lite0"

_TOLD = ("metric", "value", "interval", "doing_nothing", "images")
"""What config.json says of a score."""

Write = Callable[[Path, dict[str, Any]], Checkpoint]
"""Writes a checkpoint folder with further values in its config.json."""


class Best:
    """Scores weights, and keeps the best in `folder`, also over several calls of `train`.

    Args:
        data: of the run.
        folder: of the best model; what is in it is what later ones have to surpass.
        placement: where to translate and to compute features.
        resume: whether to go on from what is in `folder`.

    Raises:
        CutError: the data has no testA/ and testB/ with two pictures or more in each.
    """

    def __init__(self, data: Source, folder: Path, placement: Placement, resume: bool) -> None:
        if not isinstance(data, Path):
            raise CutError(
                "--evaluate-every scores on testA/ and testB/, and sincut has no folders"
            )
        self.source, self.target = data / "testA", data / "testB"
        for place in (self.source, self.target):
            if len(list_pictures(place)) < 2:
                raise CutError(f"--evaluate-every needs two pictures or more in {place}")
        self.folder, self.placement = folder, placement
        self.least = _score_of(folder) if resume else math.inf

    def consider(self, step: int, write: Write) -> Scored:
        """Score the weights that `write` writes; keep them if they are the best so far.

        Raises:
            CutError: a folder cannot be written, or too few pictures could be translated.
        """
        skipped: list[str] = []
        try:
            with TemporaryDirectory(prefix=".scored-", dir=self.folder.parent) as scratch:
                translator = Translator(write(Path(scratch) / "model", {}), self.placement)
        except OSError as error:
            raise CutError(f"cannot write to {self.folder.parent}: {reason(error)}") from error
        device = str(self.placement.device)
        try:
            score = evaluate(
                translator, self.source, self.target, METRIC, device=device, report=skipped.append
            )
        except CutError as error:
            raise CutError("; ".join([str(error), *skipped[:1]])) from error
        best = score.value < self.least
        if best:
            self.least = score.value
            told = {key: value for key, value in score.as_dict().items() if key in _TOLD}
            write(self.folder, {"score": told | {"size": FOLDER_SIDE}})
        return Scored(step, score.value, score.doing_nothing, best)


def _score_of(folder: Path) -> float:
    """What the model in `folder` scored; infinite if there is none."""
    try:
        score = read_checkpoint(folder).score or {}
    except CutError:
        return math.inf
    return float(score.get("value", math.inf))
