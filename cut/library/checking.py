"""What a checkpoint folder from outside says of itself, checked before anything relies on it.

A config.json may hold anything: what is kept of it has the types that pages and translating expect,
and what it says of the networks is compared with the weights' own names and shapes.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cut.checkpoints import SCORE_NUMBERS, Checkpoint, is_number, text_in
from cut.config.bounds import BOUNDS
from cut.errors import CutError
from cut.library.store import one_line, sample_files
from cut.marks import KEY
from cut.networks.generators import GENERATORS, build_generator, description_of, head_channels
from cut.pictures import read_picture

LONGEST_TEXT = 600

NO_TERMS = (
    "config.json does not say under which terms the data may be used (data.terms): "
    "say it when importing (--terms TEXT), or add the field"
)


def checked_config(values: dict[str, Any], terms: str | None = None) -> dict[str, Any]:
    """A config.json as this software would have written it, `terms` of the data filled in.

    A training job's mark is left out: the copy that somebody brings is theirs, not the job's.

    Raises:
        CutError: the kind of generator is unknown, a field has another type than it should, or
            the terms of the data are missing.
    """
    kept = {name: value for name, value in values.items() if name != KEY}
    generator = _table(values, "generator")
    if text_in(generator, "kind") not in GENERATORS:
        raise CutError(
            f"unknown architecture {str(generator.get('kind'))[:40]!r}: this version knows "
            f"{' and '.join(GENERATORS)}"
        )
    for name in ("title", "summary", "method", "version"):
        kept[name] = one_line(_text(values, name), LONGEST_TEXT)
    data = _table(values, "data")
    if terms is not None:
        data = data | {"terms": terms}
    if "terms" not in data:
        raise CutError(NO_TERMS)
    kept["data"] = {
        name: one_line(_text(data, name, "data."), LONGEST_TEXT) for name in ("name", "terms")
    }
    for name in ("steps", "hours"):
        kept[name] = _number(values, name, 0)
    kept["settings"] = _table(values, "settings")
    for name in ("load_size", "temperature", "batch_size"):
        _check_setting(kept["settings"], name)
    for name, check in (("score", _checked_score), ("speed", _checked_speed)):
        kept.pop(name, None)
        if values.get(name) is not None:
            kept[name] = check(_table(values, name))
    return kept


def check_weights(model: Checkpoint) -> None:
    """Compare the weights of a checkpoint folder with its config.json, and read all of them.

    Raises:
        CutError: a file is damaged, the weights are of another network than described, or not
            numbers.
    """
    generator = {key: torch.empty(shape, device="meta") for key, shape in _shapes(model)}
    try:
        described = description_of(generator)
    except ValueError as error:
        raise CutError(f"{model.files['generator'].name}: unknown architecture: {error}") from error
    if described != model.config["generator"]:
        raise CutError(
            f"{model.files['generator'].name} holds another network than config.json describes: "
            f"{_words(described)} and not {_words(model.config['generator'])}"
        )
    for part, path in model.files.items():
        state = model.weights(part)
        _check_kinds(path)
        check_finite(state, path.name)
        if part == "patch_heads":
            _check_heads(model, state, described)
    if model.config.get("patch_heads") is not None and not model.has_patch_heads:
        _check_layers(model, described)


def check_finite(state: dict[str, Tensor], name: str) -> None:
    """Raise CutError if a weight is infinite or not a number: such a model paints nothing."""
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise CutError(f"{name}: weights of {key} are infinite or not numbers: copy it again")


def check_samples(folder: Path, most: int = 24) -> None:
    """Remove what is no picture from a folder of samples, and what is beyond `most` of them."""
    for number, path in enumerate(sample_files(folder)):
        try:
            if number >= most:
                raise CutError("more than are shown")
            read_picture(path)
        except CutError:
            path.unlink()


def _shapes(model: Checkpoint) -> list[tuple[str, list[int]]]:
    path = model.files["generator"]
    try:
        with safe_open(path, "pt") as file:
            return [(key, file.get_slice(key).get_shape()) for key in file.keys()]  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CutError(f"{path.name} is damaged: copy the folder again") from error


def _check_kinds(path: Path) -> None:
    """Raise CutError unless all that a file holds are floating-point numbers."""
    with safe_open(path, "pt") as file:
        kinds = {key: file.get_slice(key).get_dtype() for key in sorted(file.keys())}
    for key, kind in kinds.items():
        if kind not in ("F16", "BF16", "F32", "F64"):
            raise CutError(f"{path.name} holds no weights: {key} is {kind}")


def _check_heads(model: Checkpoint, state: dict[str, Tensor], described: dict[str, Any]) -> None:
    heads = _table(model.config, "patch_heads")
    name = model.files["patch_heads"].name
    with torch.device("meta"):
        generator = build_generator(described)
    try:
        expected = head_channels(generator, heads["layers"])
        shapes = {
            f"mlp_{i}.{layer}.weight": (heads["dim"], width)
            for i, channels in enumerate(expected)
            for layer, width in ((0, channels), (2, heads["dim"]))
        }
        fit = heads["channels"] == expected and len(state) == 2 * len(shapes)
        fit = fit and all(tuple(state[key].shape) == shape for key, shape in shapes.items())
    except (KeyError, TypeError, ValueError):
        fit = False
    if not fit:
        raise CutError(
            f"{name} does not fit the generator and the layers of config.json: "
            "remove it to go without"
        )


def _check_layers(model: Checkpoint, described: dict[str, Any]) -> None:
    """Of heads that were left out: they tell what the patch view should look at."""
    with torch.device("meta"):
        generator = build_generator(described)
    try:
        head_channels(generator, _table(model.config, "patch_heads")["layers"])
    except (KeyError, TypeError, ValueError) as error:
        raise CutError(
            "config.json: patch_heads.layers should be a list of layers that the generator has"
        ) from error


def _checked_score(score: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"metric": one_line(_text(score, "metric", "score."))}
    for name in SCORE_NUMBERS:
        kept[name] = _number(score, name, None, "score.")
    interval = score.get("interval")
    if isinstance(interval, list) and len(interval) == 2 and all(map(is_number, interval)):
        kept["interval"] = interval
    return kept


def _checked_speed(speed: dict[str, Any]) -> dict[str, Any]:
    words = {name: one_line(_text(speed, name, "speed.")) for name in ("machine", "precision")}
    return words | {name: _number(speed, name, None, "speed.") for name in ("seconds", "size")}


def _check_setting(settings: dict[str, Any], name: str) -> None:
    value = _number(settings, name, None, "settings.")
    if value is not None and value not in BOUNDS[name]:
        raise CutError(f"config.json: settings.{name}={value:g}: {BOUNDS[name].words}")


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name) or {}
    if not isinstance(found, dict):
        raise CutError(f"config.json: {name} should be a table of names and values")
    return found


def _text(values: dict[str, Any], name: str, prefix: str = "") -> str:
    found = values.get(name)
    if found is not None and not isinstance(found, str):
        raise CutError(f"config.json: {prefix}{name} should be a text")
    return found or ""


def _number(values: dict[str, Any], name: str, default: float | None, prefix: str = "") -> Any:
    found = values.get(name)
    if found is None:
        return default
    if not is_number(found):
        raise CutError(f"config.json: {prefix}{name} should be a number")
    return found


def _words(description: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in description.items())[:120]
