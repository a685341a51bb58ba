"""The checkpoint folder: what a trained model is on disk, where it is found, how it is written.

Weights are safetensors under the published parameter names (`cut.weights`). Names are looked up in
`CUT_HOME/checkpoints` first, then among the bundled ones. PyTorch is imported for weights alone: it
takes seconds, and pages show what models there are before that.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from cut import config
from cut.config import CycleGanSettings, DistillSettings, Settings
from cut.errors import CutError
from cut.files import reason, whole_folder
from cut.home import home

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PARTS = {"generator": "G", "patch_heads": "F", "discriminator": "D"}
"""The networks of a model, with the letters that the published code names them by."""

BUNDLED = Path(__file__).resolve().parent.parent / "checkpoints"
FORMAT = 1
VERSION = "0.1.0"
FIRST = "horse2zebra"
"""The model that pages offer at first where there are none of the user's."""
SCORE_NUMBERS = ("value", "doing_nothing", "images", "size")
"""What a score in config.json tells besides `metric` and `interval`."""
FRONT_MATTER = re.compile(r"\A\s*---\n.*?\n---\n", re.DOTALL)
"""Of a card for the Hugging Face Hub."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a model may be called: it becomes a folder and part of an address."""


@dataclass(frozen=True)
class Description:
    """What a checkpoint's config.json says about a model."""

    name: str
    settings: Settings
    data: str = ""
    terms: str = ""
    steps: int = 0
    hours: float = 0.0
    title: str = ""
    summary: str = ""

    def config(self) -> dict[str, Any]:
        s = self.settings
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "title": self.title or self.name,
            "summary": self.summary,
            "method": s.method,
            "generator": s.generator,
            **_heads(s),
            "data": {"name": self.data, "terms": self.terms},
            "steps": self.steps,
            "hours": self.hours,
            "settings": _told(s),
        }


def _told(settings: Settings) -> dict[str, Any]:
    """The settings, without the folders of this computer that other models are in."""
    values = config.to_dict(settings)
    named = {key: Path(values[key]).name for key in config.NAMING_MODELS if values.get(key)}
    return values | named


def _heads(settings: Settings) -> dict[str, Any]:
    """What config.json says about the patch heads: nothing where there are none."""
    if isinstance(settings, CycleGanSettings | DistillSettings):
        return {}
    import torch

    from cut.networks.generators import build_generator, head_channels

    with torch.device("meta"):
        channels = head_channels(build_generator(settings.generator), settings.layers)
    layers = list(settings.layers)
    return {"patch_heads": {"layers": layers, "channels": channels, "dim": settings.embedding}}


@dataclass(frozen=True)
class Checkpoint:
    """A model on disk: what config.json says, and the file of each part's weights."""

    name: str
    folder: Path
    config: dict[str, Any]
    bundled: bool = False
    files: dict[str, Path] = field(default_factory=dict)

    # A folder that was put here by hand may say anything: what has another type than it should is
    # as good as not said.

    @property
    def title(self) -> str:
        return text_in(self.config, "title") or self.name

    @property
    def summary(self) -> str:
        return text_in(self.config, "summary")

    @property
    def data(self) -> str:
        """What it was trained on; empty where that is not stated."""
        return text_in(self.table("data"), "name")

    @property
    def terms(self) -> str:
        """Of the data that it was trained on; empty where they are not stated."""
        return text_in(self.table("data"), "terms")

    @property
    def example(self) -> str:
        """The key of the example picture that suits it best; empty where that is not stated."""
        return text_in(self.config, "example")

    @property
    def steps(self) -> int:
        """That it was trained for; 0 where that is not stated."""
        found = self.config.get("steps")
        return int(found) if is_number(found) else 0

    @property
    def score(self) -> dict[str, Any] | None:
        """`metric`, `value`, `doing_nothing`, `images` and `size`, if the model was scored."""
        found = self.table("score")
        return found if _is_score(found) else None

    @property
    def trained_side(self) -> int | None:
        """px, the size of the pictures that it was trained on, as far as it is known."""
        found = self.table("settings").get("load_size")
        return int(found) if is_number(found) and found >= 1 else None

    def table(self, name: str) -> dict[str, Any]:
        """A table of config.json by its name, empty if it is not there."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def card(self) -> str:
        """The model card, without what programs read at its head; or nothing."""
        path = self.folder / "README.md"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return FRONT_MATTER.sub("", text)

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())

    @property
    def changed(self) -> float:
        """When the generator's weights were last written, in seconds since the epoch."""
        return self.files["generator"].stat().st_mtime

    @property
    def has_patch_heads(self) -> bool:
        return "patch_heads" in self.files

    def weights(self, part: str) -> dict[str, Tensor]:
        """Float32 weights of `generator`, `patch_heads` or `discriminator` by published name.

        Raises:
            CutError: the file is missing or damaged.
            KeyError: the model has no such part (see `files`).
        """
        from cut.weights import read_weights

        return read_weights(self.files[part])

    def generator_state(self) -> dict[str, Tensor]:
        return self.weights("generator")

    def patch_heads_state(self) -> dict[str, Tensor] | None:
        """As `weights`, or None where the model has no heads."""
        return self.weights("patch_heads") if self.has_patch_heads else None


def text_in(values: dict[str, Any], name: str) -> str:
    """A text out of a table, empty if it is not there."""
    found = values.get(name)
    return found if isinstance(found, str) else ""


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_score(values: dict[str, Any]) -> bool:
    interval = values.get("interval") or []
    if not isinstance(interval, list) or len(interval) not in (0, 2):
        return False
    numbers = [values.get(name) for name in SCORE_NUMBERS]
    told = [number for number in numbers if number is not None]
    return bool(text_in(values, "metric")) and all(map(is_number, (*told, *interval)))


def available() -> list[Checkpoint]:
    """Every model that can be found, the user's first, each kind by name but for `FIRST`.

    Broken folders are left out.
    """
    found: dict[str, Checkpoint] = {}
    for root in (home() / "checkpoints", BUNDLED):
        folders = root.iterdir() if root.is_dir() else ()
        for folder in sorted(folders, key=lambda folder: (folder.name != FIRST, folder.name)):
            if folder.name.startswith(".") or folder.name in found:
                continue
            try:
                found[folder.name] = read_checkpoint(folder)
            except CutError:
                continue
    return list(found.values())


def first_of(models: Iterable[Checkpoint]) -> Checkpoint | None:
    """The one that pages begin with: a bundled one, if any, or each training would change it."""
    return min(models, key=lambda model: not model.bundled, default=None)


def find(name_or_path: str | Path) -> Checkpoint:
    """The model of that name, in that folder, or in that published `.pth` file.

    Raises:
        CutError: there is none, or it cannot be read.
    """
    path = Path(name_or_path).expanduser()
    if NAME.fullmatch(str(name_or_path)):
        for root in (home() / "checkpoints", BUNDLED):
            if (root / str(name_or_path)).is_dir():
                return read_checkpoint(root / str(name_or_path))
    if path.is_dir():
        return read_checkpoint(path)
    if path.suffix == ".pth":
        from cut.published import read_published

        return read_published(path)
    names = ", ".join(checkpoint.name for checkpoint in available()) or "none yet"
    raise CutError(f"no checkpoint {str(name_or_path)!r}; there are: {names}")


def read_checkpoint(folder: Path) -> Checkpoint:
    """The model in `folder`; its weights are read later.

    Raises:
        CutError: config.json or the generator's weights are missing or not understood.
    """
    path, name = folder / "config.json", folder.resolve().name  # `.` has none of its own
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CutError(f"{folder} is not a checkpoint: no config.json ({reason(error)})") from error
    except (ValueError, RecursionError) as error:
        raise CutError(f"{name}/config.json is damaged: it is not JSON") from error
    if not isinstance(values, dict) or "format" not in values:
        raise CutError(f"{name}/config.json is no model's of this software")
    if values["format"] != FORMAT:
        raise CutError(f"{name}/config.json is of another version of this software")
    if not (folder / "generator.safetensors").is_file():
        raise CutError(f"{name} has no generator.safetensors: copy the whole folder again")
    files = {part: folder / f"{part}.safetensors" for part in PARTS}
    there = {part: path for part, path in files.items() if path.is_file()}
    return Checkpoint(folder.name, folder, values, folder.resolve().parent == BUNDLED, there)


def write_checkpoint(
    folder: Path,
    values: dict[str, Any],
    generator: dict[str, Tensor],
    patch_heads: dict[str, Tensor] | None = None,
    discriminator: dict[str, Tensor] | None = None,
    card: str | None = None,
    dtype: torch.dtype | None = None,
) -> Checkpoint:
    """Write a checkpoint folder, whole or not at all, in place of what stood there.

    Args:
        values: of config.json, see `Description.config`.
        generator, patch_heads, discriminator: state dicts under published names.
        card: the model card; the one that stands there is kept if this is None.
        dtype: of the stored weights; None for float32.
    """
    from cut.weights import write_weights

    parts = {"generator": generator, "patch_heads": patch_heads, "discriminator": discriminator}
    old_card = folder / "README.md"
    if card is None and old_card.is_file():
        card = old_card.read_text(encoding="utf-8")
    with whole_folder(folder) as temporary:
        for part, state in parts.items():
            if state is not None:
                write_weights(state, temporary / f"{part}.safetensors", dtype)
        (temporary / "config.json").write_text(
            json.dumps(values, indent=2) + "\n", encoding="utf-8"
        )
        if card is not None:
            (temporary / "README.md").write_text(card, encoding="utf-8")
    return read_checkpoint(folder)
