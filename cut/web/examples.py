"""The example pictures that come with the application, and whom to thank for them."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("examples")
"""Holds the pictures, KEY.jpg, and README.md with the source of each."""


@dataclass(frozen=True)
class Example:
    """One example picture, with what has to stand near it when it is shown."""

    key: str
    title: str
    credit: str
    licence: str

    @property
    def path(self) -> Path:
        """The JPEG, at most 1024 pixels on its longer side."""
        return FOLDER / f"{self.key}.jpg"


_EXAMPLES = (
    Example("chestnut_horse", "Zaniskari horse in Ladakh", "Eatcha", "CC BY-SA 4.0"),
    Example("horses_on_a_meadow", "Nokota horse stud band", "Seth Zeigler", "CC0 1.0"),
    Example("cow", "Cow on a meadow", "Dohduhdah", "Public domain"),
    Example("mountain_path", "Picos de Europa", "Aitzol Berasategi", "CC BY 4.0"),
    Example("island", "Mont Saint-Michel", "Ali Sabbagh", "CC0 1.0"),
    Example("castle", "Neuschwanstein Castle", "cameralends", "CC0 1.0"),
    Example("cat", "Chelsea the cat", "Stéfan van der Walt", "CC0 1.0"),
    Example("bridge", "The Langlois Bridge at Arles", "Vincent van Gogh", "Public domain"),
)


def examples() -> list[Example]:
    """Return the example pictures in the order in which to show them, horses first."""
    return list(_EXAMPLES)
