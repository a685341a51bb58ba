"""From where to where each setting's number goes, whatever the others are."""

from dataclasses import dataclass, fields

from cut.config.settings import Settings
from cut.errors import CutError


@dataclass(frozen=True)
class Bounds:
    """The numbers that a setting takes.

    Args:
        low, high: the least and the largest.
        above, under: whether `low`, or `high`, is not taken itself.
    """

    low: float
    high: float
    above: bool = False
    under: bool = False

    def __contains__(self, value: float) -> bool:
        # A comparison with NaN is false, so that NaN is never within.
        over = value > self.low if self.above else value >= self.low
        return over and (value < self.high if self.under else value <= self.high)

    @property
    def words(self) -> str:
        low = f"{'above' if self.above else 'from'} {self.low:,}"
        return f"{low} to {'under ' if self.under else ''}{self.high:,}"


_COUNT = Bounds(1, 10**9)
_WIDTH = Bounds(1, 1024)
_WEIGHT = Bounds(0, 10**6)
_DECAY = Bounds(0, 1, under=True)
_SIDE = Bounds(16, 4096)

BOUNDS = {
    # Optimisation
    "batch_size": Bounds(1, 1024),
    "learning_rate": Bounds(0, 1, above=True),
    "discriminator_rate": Bounds(0, 1000, above=True),
    "beta1": _DECAY,
    "beta2": _DECAY,
    "epochs": _COUNT,
    "decay_epochs": Bounds(0, 10**9),
    "steps": _COUNT,
    "ema": _DECAY,
    # Below one, usual gradients would be shortened from step to step, to nothing.
    "clip_spikes": Bounds(1, 10**6),
    "seed": Bounds(-(2**63), 2**63 - 1),  # what PyTorch's generators take
    # Networks
    "ngf": _WIDTH,
    "blocks": Bounds(1, 100),
    "ndf": _WIDTH,
    "discriminator_layers": Bounds(1, 10),
    "embedding": Bounds(1, 8192),
    # Objectives
    "lambda_gan": _WEIGHT,
    "lambda_nce": _WEIGHT,
    "lambda_identity": _WEIGHT,
    "lambda_texture": _WEIGHT,
    "lambda_vision": _WEIGHT,
    "lambda_background": _WEIGHT,
    "lambda_background_texture": _WEIGHT,
    "lambda_colour": _WEIGHT,
    "lambda_r1": _WEIGHT,
    "lambda_A": _WEIGHT,
    "lambda_B": _WEIGHT,
    "lambda_teacher": _WEIGHT,
    "lambda_cycle": _WEIGHT,
    "colour_steps": Bounds(0, 10**9),
    "spots": Bounds(0, 100),
    "pool_size": Bounds(0, 10_000),
    "patches": Bounds(1, 65_536),
    # Cosines are divided by it: far below the paper's 0.07 the softmax only sees their rounding.
    "temperature": Bounds(0.001, 100),
    # Data
    "load_size": _SIDE,
    "crop_size": _SIDE,
    "zoom": Bounds(0, 1, above=True),
    "epoch_crops": _COUNT,
}
"""Every setting that is a number, by its name in `cut.config.settings`.

The upper ends are far beyond what anyone trains with, and short of where numbers overflow.
"""


def check_bounds(settings: Settings) -> None:
    """Refuse a number outside its bounds; None, where a setting may be that, is within.

    Raises:
        CutError: a setting is negative, zero or too large where it must not be, or no number.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in BOUNDS and value is not None and value not in BOUNDS[field.name]:
            told = f"{value:g}" if isinstance(value, float) else str(value)[:24]
            raise CutError(f"setting {field.name}={told}: {BOUNDS[field.name].words}")
