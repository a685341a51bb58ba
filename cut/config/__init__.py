"""Settings of the methods as frozen data, and their presets: a preset is a value, not a branch."""

import dataclasses
import types
import typing
from dataclasses import replace
from typing import Any, TypeVar

from cut.config.settings import (
    NAMING_MODELS,
    CutSettings,
    CycleGanSettings,
    DistillSettings,
    Schedule,
    Settings,
    SinCutSettings,
    UnpairedSettings,
)
from cut.errors import CutError

__all__ = [
    "NAMING_MODELS",
    "PRESETS",
    "AnySettings",
    "CutSettings",
    "CycleGanSettings",
    "DistillSettings",
    "Schedule",
    "Settings",
    "SinCutSettings",
    "UnpairedSettings",
    "from_dict",
    "preset",
    "quickest",
    "to_dict",
    "with_overrides",
]

AnySettings = TypeVar("AnySettings", bound=Settings)

_CUT = CutSettings()
_FASTCUT = replace(
    _CUT,
    method="fastcut",
    lambda_nce=10.0,
    identity=False,
    flip_equivariance=True,
    epochs=200,
    decay_epochs=50,
)
# Half the width and a quarter of the crop's area, about a sixteenth of the work, for a CPU; and a
# start near the end.
_COMPACT: dict[str, Any] = {
    "ngf": 32,
    "ndf": 32,
    "init": "reproducing",
    "load_size": 144,
    "crop_size": 128,
    "crop_while_decaying": True,
    "learning_rate": 3e-4,
    "clip_spikes": 4.0,
    "epochs": 10,
    "decay_epochs": 4,
    "steps": 20_000,
}
# Narrow already, on crops of the scale that the compact teachers translate at.
_SMALL: dict[str, Any] = {
    "load_size": 256,
    "crop_size": 128,
    "learning_rate": 2e-4,
    "clip_spikes": 4.0,
    "ema": 0.998,
    "epochs": 10,
    "decay_epochs": 4,
    "steps": 10_000,
}
# A narrow PatchGAN learns slowly what a picture shows; the network that sees it already leads.
_SEEING = _COMPACT | {"lambda_vision": 2.0, "lambda_gan": 0.5}

# For minutes on a CPU: narrow networks, more patches of fewer crops, a start near the end.
_QUICK = SinCutSettings(
    ngf=4,
    ndf=4,
    patches=16,
    batch_size=8,
    load_size=512,
    zoom=0.9,
    init="reproducing",
    lambda_nce=2.0,
    colour_steps=60,
    lambda_colour=4.0,
    lambda_texture=6.0,
    ema=0.99,
    steps=20_000,
)

# The one that takes least comes last.
PRESETS: dict[str, dict[str, Settings]] = {
    "cut": {"paper": _CUT, "compact": replace(_CUT, **_SEEING)},
    "fastcut": {"paper": _FASTCUT, "compact": replace(_FASTCUT, **_SEEING)},
    "sincut": {"paper": SinCutSettings(), "quick": _QUICK},
    "cyclegan": {"paper": CycleGanSettings(), "compact": replace(CycleGanSettings(), **_COMPACT)},
    "distill": {"paper": DistillSettings(), "compact": replace(DistillSettings(), **_SMALL)},
}


def preset(method: str, name: str = "paper") -> Settings:
    """The settings of a method's preset.

    Raises:
        CutError: there is no such method or preset.
    """
    if method not in PRESETS:
        raise CutError(f"no method {method!r}: choose {' or '.join(PRESETS)}")
    if name not in PRESETS[method]:
        known = " or ".join(PRESETS[method])
        raise CutError(f"no preset {name!r} for {method}: choose {known}")
    return PRESETS[method][name]


def quickest(method: str) -> str:
    """The name of the method's preset that takes least; "" for an unknown method."""
    return list(PRESETS.get(method, {"": None}))[-1]


def with_overrides(settings: AnySettings, overrides: dict[str, str]) -> AnySettings:
    """Settings with fields replaced by the text of `--set key=value`.

    Raises:
        CutError: an unknown field, or a value that its type does not take.
    """
    types_of = typing.get_type_hints(type(settings))
    changes = {}
    for key, text in overrides.items():
        if key not in types_of or key == "method":
            raise CutError(f"no setting {key!r}: choose from {', '.join(sorted(types_of))}")
        try:
            changes[key] = _parse(text, types_of[key])
        except ValueError as error:
            raise CutError(f"setting {key}={text}: {error}") from error
    from cut.config.checks import check  # which needs the settings' classes

    return check(replace(settings, **changes))


def to_dict(settings: Settings) -> dict[str, Any]:
    """Plain values for JSON."""
    return dataclasses.asdict(settings)


def from_dict(values: dict[str, Any]) -> Settings:
    """Settings from `to_dict`; fields that this version does not know are refused.

    Raises:
        CutError: an unknown method or field.
    """
    method = values.get("method", "cut")
    if method not in PRESETS:
        raise CutError(f"settings of another version: unknown method {method!r}")
    published = PRESETS[method]["paper"]
    known = {field.name for field in dataclasses.fields(published)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise CutError(f"settings of another version: unknown {', '.join(unknown)}")
    # JSON knows lists only.
    plain: dict[str, Any] = {
        k: tuple(value) if isinstance(value, list) else value for k, value in values.items()
    }
    return replace(published, **plain)


def _parse(text: str, kind: Any) -> Any:
    if isinstance(kind, types.UnionType):
        return None if text.lower() == "none" else _parse(text, typing.get_args(kind)[0])
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("write true or false")
        return text.lower() == "true"
    if typing.get_origin(kind) is tuple:
        return tuple(_parse(part, int) for part in text.split(","))
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"not {'a whole' if kind is int else 'a'} number") from error
