"""What the patch view shows, as the page's address writes it: layer, map, negatives, places."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cut.errors import CutError

if TYPE_CHECKING:
    from cut.correspondence import Correspondence

SHOWN = ("similarity", "negatives", "loss", "probability", "rank", "pca")
NEGATIVES = ("drawn", "all")
SIDES = ("input", "output")
MAX_PINS = 2
MAX_APART = 64
OPACITY = 60
"""Per cent that a map covers of its picture, at first."""

_PIN = re.compile(r"(-?\d{1,6}),(-?\d{1,6})(?:,(input|output))?")


@dataclass(frozen=True)
class Pin:
    """A place that is held: pixels of the picture from the top left, and the side pointed at."""

    x: int
    y: int
    side: str = "output"

    @classmethod
    def read(cls, text: str) -> "Pin":
        """Return the place that `text`, "x,y" or "x,y,side", names. Raises CutError if none."""
        found = _PIN.fullmatch(text.replace(" ", ""))
        if not found:
            raise CutError(
                f"The place {text[:40]!r} in the address is not understood: write pin=x,y in "
                "pixels of the picture from the top left."
            )
        return cls(int(found[1]), int(found[2]), found[3] or "output")

    def __str__(self) -> str:
        return f"{self.x},{self.y}" + (",input" if self.side == "input" else "")


@dataclass(frozen=True)
class Look:
    """What is shown of a correspondence.

    Attributes:
        layer: its number; None is the one that the page chooses.
        show: one of `SHOWN`.
        negatives: `drawn` as in training, or `all` other places.
        apart: px of the working picture around a place that are left out of its negatives.
        opacity: per cent, how much of the picture the map covers.
        pins: up to two places that are held.
    """

    layer: int | None = None
    show: str = SHOWN[0]
    negatives: str = NEGATIVES[0]
    apart: int = 0
    opacity: int = OPACITY
    pins: tuple[Pin, ...] = field(default=())

    def address(self) -> dict[str, list[str]]:
        """Return what to write into the address: only what differs from a fresh page."""
        values = {
            "layer": [] if self.layer is None else [str(self.layer)],
            "map": [] if self.show == SHOWN[0] else [self.show],
            "negatives": [] if self.negatives == NEGATIVES[0] else [self.negatives],
            "apart": [str(self.apart)] if self.apart else [],
            "opacity": [] if self.opacity == OPACITY else [str(self.opacity)],
            "pin": [str(pin) for pin in self.pins],
        }
        return {name: value for name, value in values.items() if value}

    def opening(self) -> dict[str, Any]:
        """Return what the browser is told to show at first."""
        return {
            "layer": self.layer,
            "show": self.show,
            "negatives": self.negatives,
            "apart": self.apart,
            "opacity": self.opacity,
            "pins": [{"x": pin.x, "y": pin.y, "side": pin.side} for pin in self.pins],
        }


def read_look(address: Mapping[str, Sequence[str]]) -> tuple[Look, list[str]]:
    """Return the look that an address (each name with its values) asks for, and complaints."""
    complaints: list[str] = []
    show = _choice("map", address, SHOWN, complaints)
    negatives = _choice("negatives", address, NEGATIVES, complaints)
    layer = _number("layer", address, 99, complaints)
    apart = _number("apart", address, MAX_APART, complaints) or 0
    opacity = _number("opacity", address, 100, complaints)
    opacity = OPACITY if opacity is None else opacity
    pins = []
    for text in address.get("pin", ())[:MAX_PINS]:
        try:
            pins.append(Pin.read(text))
        except CutError as error:
            complaints.append(str(error))
    return Look(layer, show, negatives, apart, opacity, tuple(pins)), complaints


def _choice(
    name: str,
    address: Mapping[str, Sequence[str]],
    choices: Sequence[str],
    complaints: list[str],
) -> str:
    """Return the last value of `name`, or the first of `choices` if there is none to be used."""
    for value in address.get(name, ())[-1:]:
        if value in choices:
            return value
        listed = ", ".join(choices)
        complaints.append(f"There is no {name}={value[:40]}; choose one of: {listed}.")
    return choices[0]


def _number(
    name: str, address: Mapping[str, Sequence[str]], highest: int, complaints: list[str]
) -> int | None:
    """Return the last value of `name`, a number from 0 to `highest`, or None."""
    for value in address.get(name, ())[-1:]:
        if value.isascii() and value.isdigit() and int(value[:9]) <= highest:
            return int(value)
        complaints.append(
            f"{name}={value[:40]} in the address is not a number from 0 to {highest}."
        )
    return None


def fitting(look: Look, view: "Correspondence") -> tuple[Look, list[str]]:
    """Return `look` without what `view` does not have, and a complaint for each such thing."""
    complaints = []
    if look.layer is not None:
        try:
            view.layer(look.layer)
        except CutError as error:
            complaints.append(_sentence(error))
            look = replace(look, layer=None)
    kept = []
    for pin in look.pins:
        try:
            view.to_working(pin.x, pin.y)
            kept.append(pin)
        except CutError as error:
            complaints.append(_sentence(error))
    return replace(look, pins=tuple(kept)), complaints


def reported(value: Any) -> Look | None:
    """Return the look that the browser reported, or None if it makes no sense."""
    if not isinstance(value, Mapping):
        return None
    address: dict[str, list[str]] = {
        name: [str(value[key])]
        for name, key in (("layer", "layer"), ("map", "show"), ("negatives", "negatives"))
        if value.get(key) is not None
    }
    address["apart"] = [str(value.get("apart", 0))]
    address["opacity"] = [str(value.get("opacity", OPACITY))]
    address["pin"] = [str(pin) for pin in value.get("pins", ())]
    look, complaints = read_look(address)
    return None if complaints else look


def _sentence(error: CutError) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
