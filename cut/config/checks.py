"""Whether settings make sense together, before anything is made from them."""

from typing import Any

from cut.config import (
    AnySettings,
    CutSettings,
    CycleGanSettings,
    DistillSettings,
    Schedule,
    SinCutSettings,
    UnpairedSettings,
)
from cut.config.bounds import check_bounds
from cut.errors import CutError
from cut.losses.gan import GAN_LOSSES
from cut.networks.layers import INITS

_RESNET = {"ngf": 32, "blocks": 9, "antialias": True, "antialias_up": True}
_HEADS = {"layers": (0, 4, 8, 12, 16), "embedding": 256}
REPRODUCING: dict[type[Schedule], dict[str, Any]] = {
    CutSettings: _RESNET | _HEADS,
    CycleGanSettings: _RESNET,
    SinCutSettings: {
        "ngf": 4,
        "crop_size": 64,
        "blocks": 3,
        "layers": (0, 2, 4),
        "embedding": 256,
    },
}
"""The settings that the shipped starts of `cut.methods.starts` were made for."""


def check(settings: AnySettings) -> AnySettings:
    """Return the settings if they make sense together.

    Raises:
        CutError: a size, count or weight outside what the networks take.
    """
    check_bounds(settings)
    if settings.gan_loss not in GAN_LOSSES:
        raise CutError(f"setting gan_loss={settings.gan_loss}: choose {' or '.join(GAN_LOSSES)}")
    if isinstance(settings, SinCutSettings):
        _check_crops(settings)
    else:
        _check_sizes(settings)
    if isinstance(settings, CutSettings):
        _check_contrast(settings)
    return settings


def _check_sizes(settings: UnpairedSettings) -> None:
    if settings.crop_size % 4 or settings.crop_size < 32:
        raise CutError(f"setting crop_size={settings.crop_size}: a multiple of 4, at least 32")
    taught = ("teacher",) if isinstance(settings, DistillSettings) else ()
    _check_start(settings, (*INITS, *taught))
    if settings.load_size < settings.crop_size:
        raise CutError(
            f"setting load_size={settings.load_size}: must not be under crop_size, "
            f"{settings.crop_size}"
        )
    # Two convolutions of 4 px follow the halvings, and each takes one off the side.
    if settings.crop_size >> settings.discriminator_layers < 3:
        deepest = (settings.crop_size // 3).bit_length() - 1
        raise CutError(
            f"setting discriminator_layers={settings.discriminator_layers}: nothing would be left "
            f"of a crop of {settings.crop_size} px; choose at most {deepest}"
        )


def _check_contrast(settings: CutSettings) -> None:
    _check_layers(settings, settings.blocks + (11 if settings.antialias else 9))
    if settings.patches < 2:
        raise CutError("setting patches=1: at least 2, or a patch has no negatives")
    if settings.lambda_texture and settings.masks:
        raise CutError("setting lambda_texture: does without masks only; choose masks=false, or 0")
    if settings.way_back and not settings.lambda_cycle:
        raise CutError("setting way_back: without lambda_cycle nothing is learnt from it; set both")
    if settings.lambda_cycle and not settings.way_back:
        raise CutError("setting lambda_cycle: goes through a model that way_back has to name")
    if settings.lambda_background_texture and not settings.masks:
        raise CutError("setting lambda_background_texture: takes masks; choose masks=true, or 0")


def _check_layers(settings: CutSettings | SinCutSettings, last: int) -> None:
    """Whether the layers to contrast are the encoder's, whose last one is `last`."""
    if not settings.layers or not all(0 <= layer <= last for layer in settings.layers):
        raise CutError(
            f"setting layers={','.join(map(str, settings.layers))}: the encoder's are 0 to {last}"
        )
    if list(settings.layers) != sorted(set(settings.layers)):
        raise CutError("setting layers: each once, in ascending order")


def _check_crops(settings: SinCutSettings) -> None:
    crop = settings.crop_size
    if crop < 16 or crop & (crop - 1):
        raise CutError(f"setting crop_size={crop}: a power of two, at least 16")
    if settings.load_size is not None and settings.load_size < crop:
        raise CutError(
            f"setting load_size={settings.load_size}: must not be under crop_size, {crop}"
        )
    _check_start(settings, ("random",))
    _check_layers(settings, settings.blocks + 2)
    for key, channels in (("ngf", settings.channels), ("ndf", settings.discriminator_channels)):
        if min(channels) < 1:
            raise CutError(
                f"setting {key}={getattr(settings, key)}: no channel would be left at {crop} px; "
                "choose more, or smaller crops"
            )
    if settings.batch_size * settings.patches < 2:
        raise CutError("setting batch_size=1: at least 2, or one patch has no negatives")


def _check_start(settings: UnpairedSettings | SinCutSettings, drawn: tuple[str, ...]) -> None:
    """Whether the start is known, `drawn` at random or shipped, and made for these networks."""
    if settings.init in drawn:
        return
    shipped = ("reproducing",) if type(settings) in REPRODUCING else ()
    if settings.init not in shipped:
        known = " or ".join((*drawn, *shipped))
        raise CutError(f"setting init={settings.init}: choose {known}")
    for key, made_for in REPRODUCING[type(settings)].items():
        value = getattr(settings, key)
        if value != made_for:
            told = ",".join(map(str, made_for)) if isinstance(made_for, tuple) else made_for
            raise CutError(
                f"setting init=reproducing: that start was made for {key}={told}; choose it, or "
                f"init={drawn[-1]}"
            )
