"""The folder of the user's models: names, and what may stand there."""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock

from cut import checkpoints
from cut.checkpoints import PARTS, Checkpoint, find, read_checkpoint
from cut.errors import CutError
from cut.files import reason, whole_folder, write_text
from cut.home import home

SAMPLES = "samples"
SAMPLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


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


def claim(name: str, overwrite: bool = False, hint: str = " (--overwrite)") -> Path:
    """The folder for a new model of the user's.

    Args:
        hint: what else helps where the name is taken.

    Raises:
        CutError: the name is unfit, or taken and `overwrite` is not set.
    """
    folder = home() / "checkpoints" / validate_name(name)
    if folder.exists() and not overwrite:
        raise CutError(f"there is a checkpoint {name!r} already: choose another name{hint}")
    return folder


@contextmanager
def place_for(name: str, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill; it becomes the user's model `name` if the block succeeds.

    Raises:
        CutError: as `claim`, also where the name was taken while the folder was filled; or the
            folder cannot be written.
    """
    folder = claim(name, overwrite)
    with ExitStack() as alone, whole_folder(folder) as temporary:
        yield temporary
        alone.enter_context(_alone())  # until the folder has taken its place
        claim(name, overwrite)


def publish(run_checkpoint: Path, name: str) -> Checkpoint:
    """Copy a run's checkpoint folder to where names are looked up, in place of the one there.

    Raises:
        CutError: the name is unfit, or a file cannot be read or written.
    """
    model = read_checkpoint(run_checkpoint)
    for part in model.files:
        model.weights(part)  # a damaged file is refused before anything is written
    with place_for(name, overwrite=True) as temporary:
        copy_files(model.folder, temporary)
    return read_checkpoint(home() / "checkpoints" / name)


def copy_files(source: Path, target: Path) -> None:
    """Copy what a checkpoint folder consists of, and nothing that merely lies beside it."""
    wanted = {"config.json", "README.md", *(f"{part}.safetensors" for part in PARTS)}
    for path in sorted(source.iterdir()):
        if path.name in wanted and path.is_file():
            shutil.copyfile(path, target / path.name)
    for path in sample_files(source):
        (target / SAMPLES).mkdir(exist_ok=True)
        shutil.copyfile(path, target / SAMPLES / path.name)


def sample_files(folder: Path) -> list[Path]:
    """The sample pictures of a checkpoint folder, by name."""
    found = (folder / SAMPLES).glob("*")
    return sorted(path for path in found if path.suffix.lower() in SAMPLE_SUFFIXES)


def rename(name: str, new: str, title: str | None = None) -> Checkpoint:
    """Call one of the user's models otherwise, and show it under another title if one is given.

    Raises:
        CutError: there is none of that name, it is bundled, or the new name is unfit or taken.
    """
    model = _own(name, "keeps its name")
    values = model.config | {"name": new}
    if title is not None:
        values["title"] = one_line(title) or new
    elif model.title == name:
        values["title"] = new  # it was never given another
    folder = model.folder
    if new != name:
        with _alone():
            target = claim(new, hint="")
            try:
                folder = folder.rename(target)
            except OSError as error:
                raise CutError(f"cannot rename {name!r} to {new!r}: {reason(error)}") from error
    write_text(folder / "config.json", json.dumps(values, indent=2) + "\n")
    return read_checkpoint(folder)


def remove(name: str) -> None:
    """Delete a model of the user's.

    Raises:
        CutError: there is none of that name, it is bundled, or it cannot be deleted.
    """
    folder = _own(name, "stays").folder
    try:
        # Out of the way at once: half a model must not be found while it is deleted.
        aside = folder.rename(folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old"))
    except OSError as error:
        raise CutError(f"cannot remove {name!r}: {reason(error)}") from error
    shutil.rmtree(aside, ignore_errors=True)


def one_line(text: str, longest: int = 120) -> str:
    """Text from outside on one line, without control characters, in at most `longest` of them."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:longest].rstrip()


def _own(name: str, bundled_ones: str) -> Checkpoint:
    checkpoint = find(name)
    if checkpoint.bundled:
        raise CutError(f"{name!r} is bundled and {bundled_ones}")
    if checkpoint.folder.parent != home() / "checkpoints":
        raise CutError(f"{name!r} is not among your checkpoints in {home() / 'checkpoints'}")
    return checkpoint


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other processes from taking a name between the look and the leap."""
    with FileLock(home() / "checkpoints.lock"):
        yield
