"""What a request for a job comes to: its settings, its device, its length; checked."""

from dataclasses import dataclass

from cut import config
from cut.config import DistillSettings, Settings, SinCutSettings
from cut.errors import CutError
from cut.jobs.limits import LIMITS
from cut.jobs.processes import lane_of
from cut.jobs.records import Request


@dataclass(frozen=True)
class Plan:
    """A request that makes sense."""

    settings: Settings
    lane: str

    @property
    def pair(self) -> bool:
        """Whether it trains on two pictures, not on two sets."""
        return isinstance(self.settings, SinCutSettings)

    @property
    def least_side(self) -> int:
        """px, the shortest side of a picture of a pair."""
        return max(LIMITS.least_side, self.settings.crop_size)

    def steps(self, pictures: int) -> int:
        """Of the schedule, given the number of pictures in the larger set."""
        settings = self.settings
        return settings.total_steps(
            settings.epoch_crops if isinstance(settings, SinCutSettings) else pictures
        )


def plan(request: Request) -> Plan:
    """What a request comes to.

    Raises:
        CutError: there is no such method, preset, setting, device or precision, or a value or a
            time is out of bounds.
    """
    settings = config.preset(request.method, request.preset)
    # A visitor could name any folder for the model to learn from.
    if isinstance(settings, DistillSettings):
        raise CutError("distill is for the command line: python -m cut train --method distill")
    for name in ("way_back", "lambda_cycle"):
        if name in request.overrides:
            raise CutError(f"setting {name}: for the command line, python -m cut train, alone")
    if request.minutes is not None:
        checked_minutes(request.minutes)
    # These import PyTorch.
    settings = config.with_overrides(settings, dict(request.overrides))
    lane = lane_of(request.device)
    if request.precision != "auto":
        from cut.device import choose

        choose(request.device, request.precision)
    return Plan(settings, lane)


def checked_minutes(minutes: float) -> float:
    """Return `minutes` if a job may train for so long.

    Raises:
        CutError: they are none, negative, no number, or too many.
    """
    if not 0 < minutes <= LIMITS.minutes:
        raise CutError(
            f"{minutes:g} minutes: a job trains for more than 0 and at most {LIMITS.minutes:,g}"
        )
    return minutes


def refuse_long_schedule(steps: int) -> None:
    if steps > LIMITS.steps:
        raise CutError(
            f"the schedule has {steps:,} steps: at most {LIMITS.steps:,} are taken; set fewer "
            "steps or epochs"
        )
