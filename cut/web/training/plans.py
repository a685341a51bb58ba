"""What a person chooses before training, in plain words, and the settings that it stands for."""

from dataclasses import dataclass, fields

from cut.config import PRESETS, CycleGanSettings, Settings, UnpairedSettings

ON_A_PAIR = "pair"
ON_SETS = "sets"
MODES = {ON_A_PAIR: "One painting, one photo", ON_SETS: "Two sets of pictures"}

MINUTES: tuple[float | None, ...] = (1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440, None)
"""How long to train, in minutes; None for the whole schedule."""

STRUCTURE = {"Loosely": 0.25, "Less": 0.5, "Balanced": 1.0, "More": 2.0, "Strictly": 4.0}
"""How strongly the input's structure is kept: what lambda_nce, or CycleGAN's, is multiplied by."""

DETAIL = ("Coarse", "Balanced", "Fine")
_ZOOM = {"Coarse": 0.6, "Fine": 1.8}
_CROP = {"Coarse": 0.75, "Fine": 1.5}


@dataclass(frozen=True)
class Plan:
    """One of the ways to train that are offered: a preset, a time, and what to expect."""

    key: str
    label: str
    preset: str
    minutes: float | None
    gives: str


_PLANS = {
    "sincut": (
        Plan(
            "quick",
            "Quick",
            "quick",
            10,
            "Ten minutes on two CPU cores give the painting's shapes the photo's colours and "
            "texture; in trials the look came a third to a half of the way to the photo's. Fine "
            "detail stays soft, brush strokes may stay, and what the photo has nothing of, such as "
            "a sky, turns into something else.",
        ),
        Plan(
            "paper",
            "As in the paper",
            "paper",
            None,
            "The published networks and their 100,000 steps: half a day on a GPU, days on a CPU. "
            "Stop it whenever you like what you see.",
        ),
    ),
    "cut": (
        Plan(
            "hour",
            "An hour",
            "compact",
            60,
            "Small networks on pieces of 128 pixels: colours and texture, enough to see whether "
            "the two sets go together. With CUT, grey cats had ginger coats with stripes after 500 "
            "steps in a trial.",
        ),
        Plan(
            "evening",
            "An evening",
            "compact",
            None,
            "The same small networks to the end of their schedule: 20,000 steps, some hours on two "
            "CPU cores.",
        ),
        Plan(
            "paper",
            "As in the paper",
            "paper",
            None,
            "The published networks on pictures of 256 pixels: a day or more on a GPU, "
            "out of reach for a CPU.",
        ),
    ),
}
_PLANS["fastcut"] = _PLANS["cyclegan"] = _PLANS["cut"]

_NOT_HERE = {
    "method",
    "masks",
    "lambda_background",
    "lambda_background_texture",
    "way_back",
    "lambda_cycle",
}
"""Settings that the page has another field for, or that need masks or a model, which it does not
take."""

SET_METHODS = {
    "cut": "CUT: The better translation. It also learns to leave pictures of the second set alone.",
    "fastcut": "FastCUT: About two thirds of the time a step, in four fifths of the memory. It may "
    "change the shapes more.",
    "cyclegan": "CycleGAN: Learns both ways at once and gives two models, A to B and B to A. "
    "A step takes twice CUT's time.",
}


def plans(method: str) -> list[Plan]:
    """Return the plans for `method` whose presets this version has."""
    return [plan for plan in _PLANS[method] if plan.preset in PRESETS[method]]


def minutes_label(minutes: float | None) -> str:
    """Return a choice of training time in words."""
    if minutes is None:
        return "to the end"
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"


def overrides(
    settings: Settings, detail: str, structure: str, advanced: dict[str, str]
) -> dict[str, str]:
    """Return what the choices change in a preset's `settings`, by their names.

    `advanced` holds texts by those names; where one is not empty it has the last word.
    """
    changed: dict[str, str] = {}
    if STRUCTURE[structure] != 1.0:
        for name in structure_weights(settings):
            changed[name] = f"{getattr(settings, name) * STRUCTURE[structure]:g}"
    if detail != "Balanced":
        changed |= _detail(settings, detail)
    return changed | {name: text.strip() for name, text in advanced.items() if text.strip()}


def structure_weights(settings: Settings) -> tuple[str, ...]:
    """Return the names of the weights that keep the input's structure."""
    return ("lambda_A", "lambda_B") if isinstance(settings, CycleGanSettings) else ("lambda_nce",)


def _detail(settings: Settings, detail: str) -> dict[str, str]:
    if isinstance(settings, UnpairedSettings):
        # Finer: larger pictures to learn from. The sides stay multiples of four.
        factor = _CROP[detail]
        sides = {"load_size": settings.load_size, "crop_size": settings.crop_size}
        return {name: str(round(side * factor / 4) * 4) for name, side in sides.items()}
    # Finer: crops come more often from the picture's own scale than from a reduced one.
    return {"zoom": f"{min(1.0, settings.zoom * _ZOOM[detail]):.3g}"}


def advanced_fields(settings: Settings) -> dict[str, str]:
    """Return every setting that may be changed here, by its name, with the preset's value."""
    return {
        field.name: _text(getattr(settings, field.name))
        for field in fields(settings)
        if field.name not in _NOT_HERE
    }


def _text(value: object) -> str:
    """Return a value as it is typed: what `cut.config.with_overrides` reads."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)
