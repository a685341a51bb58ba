"""The user's library of models: take one in, put a trained one there, remove one."""

import shutil
from pathlib import Path

from cut import checkpoints
from cut.checkpoints import Checkpoint, find, home, read_checkpoint, write_checkpoint
from cut.errors import CutError
from cut.files import whole_folder
from cut.published import read_published


def validate_name(name: str) -> str:
    """Return `name` if a new model may have it.

    Raises:
        CutError: it has characters that a folder should not have, or belongs to a bundled model.
    """
    if not checkpoints.NAME.fullmatch(name):
        raise CutError(
            f"name {name!r}: use letters, digits, dots, dashes and underscores, at most 64, "
            "a letter or digit first"
        )
    if (checkpoints.BUNDLED / name).is_dir():
        raise CutError(f"name {name!r} belongs to a bundled model: choose another")
    return name


def claim(name: str, overwrite: bool = False) -> Path:
    """The folder for a new model of the user's.

    Raises:
        CutError: the name is unfit, or taken and `overwrite` is not set.
    """
    folder = home() / "checkpoints" / validate_name(name)
    if folder.exists() and not overwrite:
        raise CutError(f"there is a checkpoint {name!r} already: add --overwrite or choose another")
    return folder


def import_published(source: Path, name: str, overwrite: bool = False) -> Checkpoint:
    """Take a published `.pth`, or the one generator in a folder, into the user's models.

    Raises:
        CutError: the name is unfit or taken, or the source is no model that can be read.
    """
    folder = claim(name, overwrite)
    if source.is_dir():
        if (source / "config.json").is_file():
            return _copy(read_checkpoint(source), folder)
        found = sorted(source.glob("*_net_G.pth"))
        latest = [path for path in found if path.name == "latest_net_G.pth"]
        if not found:
            raise CutError(f"no *_net_G.pth and no config.json in {source}: nothing to import")
        if len(found) > 1 and not latest:
            raise CutError(f"{len(found)} generators in {source}: name one of the files")
        source = (latest or found)[0]
    model = read_published(source)
    values = model.config | {"name": name, "title": name}
    states = {part: model.weights(part) for part in model.files}
    return write_checkpoint(
        folder,
        values,
        states["generator"],
        states.get("patch_heads"),
        states.get("discriminator"),
    )


def _copy(model: Checkpoint, folder: Path) -> Checkpoint:
    for part in model.files:
        model.weights(part)  # a damaged file is refused before anything is written
    with whole_folder(folder) as temporary:
        shutil.copytree(model.folder, temporary, dirs_exist_ok=True)
    return read_checkpoint(folder)


def publish(run_checkpoint: Path, name: str) -> Checkpoint:
    """Copy a run's checkpoint folder to where names are looked up, in place of the one there."""
    return _copy(read_checkpoint(run_checkpoint), home() / "checkpoints" / validate_name(name))


def remove(name: str) -> None:
    """Delete a model of the user's.

    Raises:
        CutError: there is none of that name, or it is bundled.
    """
    checkpoint = find(name)
    if checkpoint.bundled:
        raise CutError(f"{name!r} is bundled and stays")
    if checkpoint.folder.parent != home() / "checkpoints":
        raise CutError(f"{name!r} is not among your checkpoints in {home() / 'checkpoints'}")
    shutil.rmtree(checkpoint.folder)
