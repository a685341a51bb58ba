"""The before/after slider: drag, tap or arrow keys move the border between two pictures."""

from cut.web.widgets.packing import pack, register

_component = register("compare", "frame")


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
    """Show `after` over `before`, two JPEG files that fill the same frame.

    `size` is the picture's own width and height in pixels; it gives the frame its shape. `strength`
    in [0, 1] lets `before` shine through: the mixture that `PIL.Image.blend` computes. `identity`
    names the pair: while it stays the same, the handle stays where it is.
    """
    header = {
        "id": identity,
        "type": "image/jpeg",
        "width": size[0],
        "height": size[1],
        "strength": strength,
        "sizes": [len(before), len(after)],
        "labels": ["Before", "After"],
        "description": description,
    }
    _component(data=pack(header, [before, after]), key=key)


def waiting(picture: bytes, *, size: tuple[int, int], description: str) -> None:
    """Show a JPEG file where `compare` will show it, while there is nothing to compare it with."""
    header = {
        "id": "",
        "type": "image/jpeg",
        "width": size[0],
        "height": size[1],
        "strength": 0,
        "sizes": [len(picture), 0],
        "labels": ["Before", ""],
        "description": description,
    }
    _component(data=pack(header, [picture]), key="waiting")
