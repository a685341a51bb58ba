"""The pairs of a painting and a photo that come with the application, and whom to thank for them.

Each is what single-image CUT trains on: the painting is the source, the photo the target.
"""

from dataclasses import dataclass
from pathlib import Path

from cut.web.examples import Example

FOLDER = Path(__file__).with_name("pairs")
"""Holds KEY_painting.jpg and KEY_photo.jpg, and README.md with the source of each."""


@dataclass(frozen=True)
class PairPicture(Example):
    """One of the two pictures of a pair."""

    @property
    def path(self) -> Path:
        """The JPEG, at most 640 pixels on its longer side."""
        return FOLDER / f"{self.key}.jpg"


@dataclass(frozen=True)
class ExamplePair:
    """A painting and a photo that go together, and what to call the two."""

    key: str
    title: str
    painting: PairPicture
    photo: PairPicture


_VAN_GOGH = "Vincent van Gogh"

_PAIRS = (
    ExamplePair(
        "bridge",
        "A river",
        PairPicture(
            "bridge_painting", "The Langlois Bridge at Arles, 1888", _VAN_GOGH, "Public domain"
        ),
        PairPicture(
            "bridge_photo",
            "Eilean Donan Castle",
            "Guillaume Piolle, adapted by GCompris",
            "CC BY 4.0",
        ),
    ),
    ExamplePair(
        "harvest",
        "A landscape",
        PairPicture("harvest_painting", "Harvest at La Crau, 1888", _VAN_GOGH, "Public domain"),
        PairPicture("harvest_photo", "Aitzgorri", "Aitzol Berasategi", "CC BY 4.0"),
    ),
    ExamplePair(
        "portrait",
        "A person",
        PairPicture(
            "portrait_painting", "Portrait of Père Tanguy, 1887", _VAN_GOGH, "Public domain"
        ),
        PairPicture("portrait_photo", "Eileen Collins, astronaut", "NASA", "Public domain"),
    ),
)


def example_pairs() -> list[ExamplePair]:
    """Return the pairs in the order in which to show them."""
    return list(_PAIRS)
