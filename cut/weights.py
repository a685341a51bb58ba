"""Weights of one network in a file: safetensors, or a published `.pth`."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from cut.errors import CutError
from cut.files import reason
from cut.published import read_pickle


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of a safetensors file or a published `.pth`, as float32.

    Raises:
        CutError: the file is missing or damaged.
    """
    if path.suffix == ".pth":
        return read_pickle(path)
    try:
        return {key: value.float() for key, value in load_file(path).items()}
    except OSError as error:
        raise CutError(f"cannot read {path}: {reason(error)}") from error
    except SafetensorError as error:
        raise CutError(f"{path} is damaged: copy or train it again") from error


def write_weights(state: dict[str, Tensor], path: Path, dtype: torch.dtype | None = None) -> None:
    """Write a state dict as safetensors, in `dtype` (None for float32).

    Raises:
        OSError: it cannot be written.
    """
    kind = dtype or torch.float32
    try:
        save_file({key: value.to(kind).contiguous() for key, value in state.items()}, path)
    except SafetensorError as error:
        # safetensors wraps the operating system's error (a full disk, say) in its own.
        raise OSError(str(error)) from error
