"""Whether settings make sense together, before anything is made from them."""

from cut.config import AnySettings, CutSettings, SinCutSettings
from cut.errors import CutError
from cut.losses.gan import GAN_LOSSES
from cut.networks.layers import INITS


def check(settings: AnySettings) -> AnySettings:
    """Return the settings if they make sense together.

    Raises:
        CutError: a size, count or weight outside what the networks take.
    """
    for key in ("ngf", "blocks", "ndf", "patches", "embedding", "batch_size", "epochs"):
        if getattr(settings, key) < 1:
            raise CutError(f"setting {key}={getattr(settings, key)}: must be at least 1")
    if settings.steps is not None and settings.steps < 1:
        raise CutError(f"setting steps={settings.steps}: must be at least 1")
    if not 0 <= settings.ema < 1:
        raise CutError(f"setting ema={settings.ema}: from 0 to under 1")
    if settings.gan_loss not in GAN_LOSSES:
        raise CutError(f"setting gan_loss={settings.gan_loss}: choose {' or '.join(GAN_LOSSES)}")
    if isinstance(settings, SinCutSettings):
        _check_crops(settings)
    else:
        _check_sizes(settings)
    return settings


def _check_sizes(settings: CutSettings) -> None:
    if settings.crop_size % 4 or settings.crop_size < 32:
        raise CutError(f"setting crop_size={settings.crop_size}: a multiple of 4, at least 32")
    last = settings.blocks + (11 if settings.antialias else 9)
    if not settings.layers or not all(0 <= layer <= last for layer in settings.layers):
        raise CutError(
            f"setting layers={','.join(map(str, settings.layers))}: the encoder's are 0 to {last}"
        )
    if list(settings.layers) != sorted(set(settings.layers)):
        raise CutError("setting layers: each once, in ascending order")
    if settings.init not in INITS:
        raise CutError(f"setting init={settings.init}: choose {' or '.join(INITS)}")
    if settings.load_size < settings.crop_size:
        raise CutError(
            f"setting load_size={settings.load_size}: must not be under crop_size, "
            f"{settings.crop_size}"
        )


def _check_crops(settings: SinCutSettings) -> None:
    crop = settings.crop_size
    if crop < 16 or crop & (crop - 1):
        raise CutError(f"setting crop_size={crop}: a power of two, at least 16")
    if settings.load_size is not None and settings.load_size < crop:
        raise CutError(
            f"setting load_size={settings.load_size}: must not be under crop_size, {crop}"
        )
    if settings.init not in ("random", "reproducing"):
        raise CutError(f"setting init={settings.init}: choose random or reproducing")
    for key in ("colour_steps", "lambda_colour"):
        if getattr(settings, key) < 0:
            raise CutError(f"setting {key}={getattr(settings, key)}: must not be negative")
    if not 0 < settings.zoom <= 1:
        raise CutError(f"setting zoom={settings.zoom:g}: above 0, at most 1")
    if settings.batch_size * settings.patches < 2:
        raise CutError("setting batch_size=1: at least 2, or one patch has no negatives")
