"""Settings of the methods as frozen data, and their presets: a preset is a value, not a branch."""

import dataclasses
import types
import typing
from dataclasses import dataclass, replace
from typing import Any

from cut.errors import CutError


@dataclass(frozen=True)
class CutSettings:
    """What a training run of CUT or FastCUT depends on; the defaults are the paper's for CUT."""

    method: str = "cut"

    # Networks (appendix C.1)
    ngf: int = 64  # channels of the generator's first layer
    blocks: int = 9  # residual blocks
    antialias: bool = True  # blur when halving in the encoder
    antialias_up: bool = True  # blur when doubling in the decoder
    ndf: int = 64  # channels of the discriminator's first layer
    discriminator_layers: int = 3  # convolutions of the discriminator that halve

    # Objective (section 3, equations 1 to 5)
    gan_loss: str = "lsgan"  # lsgan, vanilla (equation 1) or nonsaturating
    lambda_gan: float = 1.0
    lambda_nce: float = 1.0  # weight of PatchNCE, of the identity term too
    identity: bool = True  # PatchNCE on G(B) as well (equation 4)
    flip_equivariance: bool = False  # FastCUT: mirror the input half of the time
    layers: tuple[int, ...] = (0, 4, 8, 12, 16)  # contrasted layers of the encoder
    patches: int = 256  # places a layer
    embedding: int = 256  # dimensions of the patch heads
    temperature: float = 0.07

    # Data
    load_size: int = 286  # px, each picture is resized to this square
    crop_size: int = 256  # px, of the random square cut from it
    batch_size: int = 1

    # Optimisation
    learning_rate: float = 2e-4
    discriminator_rate: float = 1.0  # the discriminator's learning rate, times learning_rate
    beta1: float = 0.5
    beta2: float = 0.999
    epochs: int = 400  # an epoch is as long as the larger of the two sets
    decay_epochs: int = 200  # the last of them, with the rate falling linearly to zero
    steps: int | None = None  # instead of epochs; the share that decays stays the same
    ema: float = 0.999  # of the weights used for translating
    # Gradients longer than this many times their usual length are shortened to that; None for
    # never, as published. A flat crop can blow one up through an instance norm, and Adam then
    # takes a step many times the usual in every weight at once.
    clip_spikes: float | None = None

    seed: int = 0

    def total_steps(self, epoch_length: int) -> int:
        """Steps of the whole run, given the pictures in the larger set."""
        if self.steps is not None:
            return self.steps
        return max(1, self.epochs * epoch_length // self.batch_size)

    def rate_factor(self, step: int, total: int) -> float:
        """Share of the learning rate at `step` (from 0) of `total`: one, then linear to zero."""
        decaying = total * self.decay_epochs / self.epochs
        return min(1.0, (total - step) / decaying) if decaying else 1.0

    def is_decaying(self, step: int, total: int) -> bool:
        """Whether the rate has begun to fall; the published loader stops zooming in then."""
        return self.rate_factor(step, total) < 1.0


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
# A quarter of the width and of the crop's area: about a sixteenth of the work, for a CPU.
_COMPACT: dict[str, Any] = {
    "ngf": 32,
    "ndf": 32,
    "load_size": 256,
    "crop_size": 128,
    "steps": 30_000,
}

PRESETS: dict[str, dict[str, CutSettings]] = {
    "cut": {"paper": _CUT, "compact": replace(_CUT, **_COMPACT)},
    "fastcut": {"paper": _FASTCUT, "compact": replace(_FASTCUT, **_COMPACT)},
}


def preset(method: str, name: str = "paper") -> CutSettings:
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


def with_overrides(settings: CutSettings, overrides: dict[str, str]) -> CutSettings:
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
    return check(replace(settings, **changes))


def check(settings: CutSettings) -> CutSettings:
    """Return the settings if they make sense together.

    Raises:
        CutError: a size, count or weight outside what the networks take.
    """
    from cut.losses.gan import GAN_LOSSES

    for key in ("ngf", "blocks", "ndf", "patches", "embedding", "batch_size", "epochs"):
        if getattr(settings, key) < 1:
            raise CutError(f"setting {key}={getattr(settings, key)}: must be at least 1")
    if settings.steps is not None and settings.steps < 1:
        raise CutError(f"setting steps={settings.steps}: must be at least 1")
    if settings.crop_size % 4 or settings.crop_size < 32:
        raise CutError(f"setting crop_size={settings.crop_size}: a multiple of 4, at least 32")
    if settings.load_size < settings.crop_size:
        raise CutError(
            f"setting load_size={settings.load_size}: must not be under crop_size, "
            f"{settings.crop_size}"
        )
    if not 0 <= settings.ema < 1:
        raise CutError(f"setting ema={settings.ema}: from 0 to under 1")
    if settings.gan_loss not in GAN_LOSSES:
        raise CutError(f"setting gan_loss={settings.gan_loss}: choose {' or '.join(GAN_LOSSES)}")
    return settings


def to_dict(settings: CutSettings) -> dict[str, Any]:
    """Plain values for JSON."""
    return dataclasses.asdict(settings)


def from_dict(values: dict[str, Any]) -> CutSettings:
    """Settings from `to_dict`; fields that this version does not know are refused.

    Raises:
        CutError: an unknown field.
    """
    known = {field.name for field in dataclasses.fields(CutSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise CutError(f"settings of another version: unknown {', '.join(unknown)}")
    return CutSettings(**{**values, "layers": tuple(values.get("layers", _CUT.layers))})


def _parse(text: str, kind: Any) -> Any:
    if isinstance(kind, types.UnionType):
        return None if text.lower() == "none" else _parse(text, typing.get_args(kind)[0])
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("write true or false")
        return text.lower() == "true"
    if typing.get_origin(kind) is tuple:
        return tuple(int(part) for part in text.split(","))
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"not {'a whole' if kind is int else 'a'} number") from error
