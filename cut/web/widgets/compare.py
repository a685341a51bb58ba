"""The before/after slider: drag, tap or arrow keys move the border between two pictures."""

from cut.web.widgets.packing import register
from cut.web.widgets.pair import pack_pair

_component = register("compare", "frame", "pair")


def compare(
    before: bytes,
    after: bytes,
    *,
    identity: str,
    size: tuple[int, int],
    strength: float = 1.0,
    description: str = "",
    key: str = "compare",
) -> None:
    """Show `after` over `before`; the arguments are those of `pack_pair`."""
    data = pack_pair(
        before, after, identity=identity, size=size, strength=strength, description=description
    )
    _component(data=data, key=key)


def waiting(picture: bytes, *, size: tuple[int, int], description: str) -> None:
    """Show a JPEG file where `compare` will show it, while there is nothing to compare it with."""
    data = pack_pair(picture, b"", identity="", size=size, strength=0.0, description=description)
    _component(data=data, key="waiting")
