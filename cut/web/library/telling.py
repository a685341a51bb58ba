"""What a card of the library tells of a model: pairs of a name and a value, nothing invented."""

from dataclasses import replace
from typing import Any

from cut.checkpoints import Checkpoint
from cut.library.checking import checked_config
from cut.library.speed import Speed
from cut.web.score import score_line
from cut.web.training.words import METHODS, ago, duration

_METHODS = METHODS | {"sincut": "single-image CUT", "distill": "distillation"}
_KINDS = {"resnet": "ResNet", "stylegan2": "StyleGAN2"}

NOT_STATED = "not stated"
NOT_MEASURED = "not measured"

Facts = list[tuple[str, str]]


def readable(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with a config.json that has the fields and types which pages rely on.

    A folder that was put into the library by hand may hold anything.

    Raises:
        CutError: a field has another type than it should.
    """
    config = checkpoint.config
    data = config.get("data")
    unstated = not isinstance(data, dict) or "terms" not in data
    return replace(checkpoint, config=checked_config(config, "" if unstated else None))


def short_facts(checkpoint: Checkpoint, speed: Speed | None) -> Facts:
    """What a card of the list tells."""
    return [
        ("Score", score_line(checkpoint.score) or NOT_MEASURED),
        ("Terms", checkpoint.terms or NOT_STATED),
        ("Size", size(checkpoint.size_bytes)),
        ("Speed", seconds(speed)),
        ("Method", _method(checkpoint.config)),
        ("Added", added(checkpoint)),
    ]


def all_facts(checkpoint: Checkpoint, speed: Speed | None) -> Facts:
    """What the opened card tells."""
    config = checkpoint.config
    told = dict(short_facts(checkpoint, speed))
    if speed:
        told["Speed"] += f", in {speed.precision}, on {speed.machine}"
    told["Method"] += f"; {_generator(config['generator'])}"
    told["Parts"] = ", ".join(part.replace("_", " ") for part in checkpoint.files)
    trained = _training(config)
    if trained:
        told["Trained"] = trained
    order = ("Score", "Terms", "Trained", "Method", "Speed", "Size", "Parts", "Added")
    return [("Name", checkpoint.name), *((name, told[name]) for name in order if name in told)]


def size(count: int) -> str:
    """A number of bytes, for people."""
    return f"{count / 1e6:.1f} MB" if count < 99.95e6 else f"{count / 1e6:,.0f} MB"


def seconds(speed: Speed | None) -> str:
    """How long a picture takes, if that was measured."""
    if speed is None or speed.seconds is None or speed.size is None:
        return NOT_MEASURED
    return f"{speed.seconds:.2g} s a picture of {speed.size} × {speed.size} px"


def added(checkpoint: Checkpoint) -> str:
    """Since when the model has been here: its files do not tell when it was trained."""
    return "comes with the application" if checkpoint.bundled else ago(checkpoint.changed)


def _method(config: dict[str, Any]) -> str:
    return _METHODS.get(config["method"], config["method"]) or NOT_STATED


def _generator(described: dict[str, Any]) -> str:
    kind = _KINDS[described["kind"]]
    width = described.get("ngf")
    wide = f", {width} channels wide" if width else ""
    return f"{kind}{wide}, {described.get('blocks')} blocks"


def _training(config: dict[str, Any]) -> str:
    parts = [config["data"]["name"]]
    if config["steps"]:
        parts.append(f"{config['steps']:,} steps")
    if config["hours"]:
        parts.append(duration(3600 * config["hours"]))
    return ", ".join(filter(None, parts))
