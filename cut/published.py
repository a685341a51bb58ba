"""Weights in the authors' format: `latest_net_G.pth` with `_F` and `_D` beside it, in and out.

Parameter names are the published ones on both sides, so only the container changes. Pickles are
opened with `weights_only=True` alone: a file that holds code is refused, and its code never runs.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cut.checkpoints import PARTS, Checkpoint, Description
from cut.config import CutSettings, SinCutSettings
from cut.errors import CutError
from cut.files import reason, whole_file
from cut.networks.generators import build_generator, description_of, head_channels
from cut.networks.patch_heads import channels_of
from cut.networks.resnet import ResnetGenerator

# Buffers that other versions of PyTorch wrote for norms without running statistics.
_UNUSED = ("running_mean", "running_var", "num_batches_tracked")


def read_pickle(path: Path) -> dict[str, Tensor]:
    """A published state dict as float32, without `module.` prefixes.

    Raises:
        CutError: the file is missing or damaged, holds code, or holds anything but tensors by name.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CutError(f"cannot read {path}: {reason(error)}") from error
    except pickle.UnpicklingError as error:
        raise CutError(
            f"{path.name} is refused: it is damaged, or holds code besides tensors, which could do "
            "anything; ask its author for a state dict or safetensors"
        ) from error
    except Exception as error:
        # Damaged bytes are read as instructions: they may raise anything at all.
        raise CutError(f"{path.name} is damaged or not a PyTorch file: copy it again") from error
    return _plain_tensors(state, path)


def write_pickle(value: Any, path: Path) -> None:
    """`torch.save`, whole or not at all.

    Raises:
        CutError: the file could not be written.
    """
    with whole_file(path) as temporary:
        try:
            torch.save(value, temporary)
        except RuntimeError as error:
            # PyTorch's writer hides what the operating system said about a full disk.
            raise OSError("the disk is full, or the folder is gone") from error


def _plain_tensors(state: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(state, dict) or not state:
        raise CutError(f"{path.name} holds no state dict (tensors by name)")
    wrong = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if wrong:
        raise CutError(f"{path.name} is not a plain state dict: {str(wrong[0])!r} is no tensor")
    state = {key: value for key, value in state.items() if not str(key).endswith(_UNUSED)}
    for key, value in state.items():
        if not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise CutError(f"{path.name} holds no weights: {key} is {kind}")
        # By strides of zero a few numbers can pose as many, and fill the memory once copied.
        if value.is_sparse or value.nbytes > value.untyped_storage().nbytes():
            raise CutError(
                f"{path.name} is refused: {key} claims more weights than are in the file"
            )
    return {str(key).removeprefix("module."): value.float() for key, value in state.items()}


def read_published(path: Path) -> Checkpoint:
    """A model straight from a published `*_net_G.pth`; what it is built like is read off its keys.

    Raises:
        CutError: the file is missing or damaged, or is no generator of this kind.
    """
    if not path.is_file():
        raise CutError(f"no file {path}")
    state = read_pickle(path)
    try:
        settings = _settings(description_of(state))
    except ValueError as error:
        raise CutError(f"{path.name} is not a CUT generator: {error}") from error
    stem = path.name.removesuffix("_net_G.pth").removesuffix(".pth")
    name = path.parent.name if stem == "latest" else stem
    values = Description(
        name, settings, summary=f"Imported from {path.name}, a file in the authors' format."
    ).config()
    files = {"generator": path} | _beside(path, settings)
    if "patch_heads" not in files:
        del values["patch_heads"]
    return Checkpoint(name, path.parent, values, files=files)


def _settings(description: dict[str, Any]) -> CutSettings | SinCutSettings:
    """The paper's settings with that generator, and the contrasted layers that its encoder has."""
    arguments = {key: value for key, value in description.items() if key != "kind"}
    if description["kind"] == "stylegan2":
        settings = SinCutSettings(ngf=description["channels"][0] // 8, blocks=description["blocks"])
        if settings.generator != description:
            raise ValueError(f"{description['channels']} channels are not of the published table")
        return settings
    with torch.device("meta"):
        generator = ResnetGenerator(**arguments)
    last = generator.first_block + generator.blocks - 1
    layers = tuple(layer for layer in CutSettings.layers if layer <= last)
    return CutSettings(**arguments, layers=layers)


def _beside(path: Path, settings: CutSettings | SinCutSettings) -> dict[str, Path]:
    """The heads and discriminator next to a published generator, where they are there and fit."""
    if not path.name.endswith("_net_G.pth"):
        return {}
    found = {}
    for part in ("patch_heads", "discriminator"):
        other = path.with_name(path.name.replace("_net_G.pth", f"_net_{PARTS[part]}.pth"))
        if other.is_file():
            found[part] = other
    if "patch_heads" in found:
        with torch.device("meta"):
            expected = head_channels(build_generator(settings.generator), settings.layers)
        if channels_of(read_pickle(found["patch_heads"])) != expected:
            raise CutError(
                f"{found['patch_heads'].name} does not fit {path.name}: its heads are not those of "
                f"layers {', '.join(map(str, settings.layers))}; move it away to go without"
            )
    return found


def export_published(checkpoint: Checkpoint, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write a model's parts as `latest_net_{G,F,D}.pth` and return the files.

    Raises:
        CutError: a file is there already, or cannot be written.
    """
    targets = {part: folder / f"latest_net_{PARTS[part]}.pth" for part in checkpoint.files}
    taken = [path for path in targets.values() if path.exists()]
    if taken and not overwrite:
        raise CutError(f"{taken[0]} is there already: add --overwrite or choose another folder")
    for part, path in targets.items():
        state = checkpoint.weights(part)
        write_pickle(state, path)
    return list(targets.values())
