"""Taking in a model from outside: a published `.pth`, a folder, or a zip of either.

Whatever is wrong with it is told in one line, before anything stands in the library.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from cut.checkpoints import PARTS, Checkpoint, read_checkpoint, write_checkpoint
from cut.errors import CutError
from cut.home import home
from cut.library.checking import check_finite, check_samples, check_weights, checked_config
from cut.library.store import claim, copy_files, one_line, place_for
from cut.library.unpacking import HUB_WEIGHTS, refuse_packed_bomb, unpacked
from cut.published import read_published


@dataclass(frozen=True)
class Imported:
    """The model as it now stands in the library, and what should be told of it."""

    checkpoint: Checkpoint
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class About:
    """What is known of a published model beside its weights; the rest stays as it is read."""

    title: str = ""
    summary: str = ""
    method: str = ""
    data: str = ""


def import_model(
    source: Path,
    name: str,
    terms: str | None = None,
    overwrite: bool = False,
    about: About | None = None,
) -> Imported:
    """Take a model into the library under `name`.

    Args:
        source: a published `.pth` (with `_F` and `_D` beside it), a folder that holds one or is a
            checkpoint folder, or a zip of such a folder.
        terms: of the data that it was trained on; None for those that it states itself.
        about: for a published model, what its files cannot say.

    Raises:
        CutError: the name is unfit or taken, or the source is no model that can be read whole.
    """
    claim(name, overwrite)
    if source.is_dir():
        return _import_folder(source, name, terms, overwrite, about)
    if not source.is_file():
        raise CutError(f"no file or folder {source}")
    if source.suffix.lower() == ".pth":
        return _import_published(source, name, terms, overwrite, about)
    if source.suffix.lower() == ".zip":
        with unpacked(source) as folder:
            return _import_folder(folder, name, terms, overwrite, about)
    raise CutError(f"{source.name}: a .pth, a folder or a .zip can be imported")


def free_name(wanted: str) -> str:
    """A name made from `wanted` that no model has: letters and digits kept, a number added."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in wanted)
    base = kept.strip("-._")[:58] or "model"
    number, name = 1, base
    while True:
        try:
            claim(name)
            return name
        except CutError:
            number += 1
            name = f"{base}-{number}"


def _import_folder(
    folder: Path, name: str, terms: str | None, overwrite: bool, about: About | None
) -> Imported:
    if (folder / "config.json").is_file():
        return _import_ours(folder, name, terms, overwrite)
    found = sorted(folder.glob("*_net_G.pth"))
    latest = [path for path in found if path.name == "latest_net_G.pth"]
    if not found:
        raise CutError(f"no *_net_G.pth and no config.json in {folder.name}: nothing to import")
    if len(found) > 1 and not latest:
        raise CutError(f"{len(found)} generators in {folder.name}: name one of the files")
    return _import_published((latest or found)[0], name, terms, overwrite, about)


def _import_ours(folder: Path, name: str, terms: str | None, overwrite: bool) -> Imported:
    with _copy_to_work_on(folder.name) as copy:
        copy_files(folder, copy)
        if not (copy / "generator.safetensors").is_file() and (folder / HUB_WEIGHTS).is_file():
            _from_hub(folder, copy)
        model = read_checkpoint(copy)
        values = checked_config(model.config, terms)
        if values["title"] in ("", model.config.get("name")):
            values["title"] = name
        check_weights(replace(model, config=values))
        check_samples(copy)
        return _settle(copy, values, name, overwrite)


def _from_hub(folder: Path, copy: Path) -> None:
    """Make a checkpoint folder of one that `cut.exports.hub` wrote."""
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))["checkpoint"]
        weights = load_file(folder / HUB_WEIGHTS)
    except Exception as error:  # whatever the files hold, there is one thing to do about it
        raise CutError(f"{folder.name} is damaged, or not a model of this software") from error
    (copy / "config.json").write_text(json.dumps(values), encoding="utf-8")
    for part in PARTS:
        prefix = f"{part}."
        state = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        if state:
            save_file(state, copy / f"{part}.safetensors")


def checked_published(source: Path) -> tuple[Checkpoint, dict[str, dict[str, Tensor]]]:
    """A model from a published `.pth`, and its weights by part, all of them read.

    Raises:
        CutError: it is damaged, holds code or is no model of this kind.
    """
    refuse_packed_bomb(source)
    model = read_published(source)
    states = {part: model.weights(part) for part in model.files}
    for part, state in states.items():
        check_finite(state, model.files[part].name)
    return model, states


def _import_published(
    source: Path, name: str, terms: str | None, overwrite: bool, about: About | None
) -> Imported:
    (model, states), about = checked_published(source), about or About()
    values = model.config | {
        "title": one_line(about.title) or name,
        "summary": about.summary or model.summary,
        "method": about.method or model.config["method"],
        "data": {"name": about.data, "terms": one_line(terms or "")},
    }
    with _copy_to_work_on(name) as copy:
        heads, discriminator = states.get("patch_heads"), states.get("discriminator")
        write_checkpoint(copy, values, states["generator"], heads, discriminator)
        return _settle(copy, values, name, overwrite)


@contextmanager
def _copy_to_work_on(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cut-import-") as made:
        copy = Path(made) / name
        copy.mkdir()
        yield copy


def _settle(copy: Path, values: dict[str, Any], name: str, overwrite: bool) -> Imported:
    """Let the checked copy take its place in the library."""
    with place_for(name, overwrite) as temporary:
        copy_files(copy, temporary)
        text = json.dumps(values | {"name": name}, indent=2) + "\n"
        (temporary / "config.json").write_text(text, encoding="utf-8")
    return _told(read_checkpoint(home() / "checkpoints" / name))


def _told(model: Checkpoint) -> Imported:
    notes = []
    if not model.terms:
        notes.append(
            f"{model.name} does not state the terms of its data: find out before passing it on"
        )
    if not model.has_patch_heads:
        notes.append(f"{model.name} has no patch heads: the patch view compares plain features")
    return Imported(model, notes)
