"""What a training run begins with other than new networks: what it saved, or another model."""

from pathlib import Path
from typing import Any

import torch

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.methods import Method

STATE_FORMAT = 1


def load_state(file: Path) -> dict[str, Any]:
    """What `cut.trainer.Run.save` wrote to `file`, its tensors on the CPU.

    Raises:
        CutError: there is no such file, or it is damaged or of another version.
    """
    if not file.is_file():
        raise CutError(f"nothing to resume in {file.parent}: train without --resume first")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CutError(f"cannot resume: {file} is damaged") from error
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        raise CutError(f"cannot resume: {file} is of another version of this software")
    return state


def warm_start(method: Method, model: Checkpoint) -> None:
    """Begin with another model's generator and heads; the discriminator begins anew.

    Raises:
        CutError: a file is damaged, or the networks are of other widths or layers.
    """
    for part in ("generator", "patch_heads"):
        if part not in model.files or part not in method.parts:
            continue
        try:
            method.parts[part].load_weights(model.weights(part))
        except RuntimeError as error:
            raise CutError(
                f"cannot start from {model.name}: its {part.replace('_', ' ')} has other widths or "
                "layers than these settings ask for"
            ) from error
