"""A picture and its translation as one run of bytes, as pair.js reads them."""

from typing import Any

from cut.web.widgets.packing import pack


def pack_pair(
    before: bytes,
    after: bytes,
    *,
    identity: str,
    size: tuple[int, int],
    strength: float,
    description: str,
    **more: Any,
) -> bytes:
    """Return two JPEG files that fill the same frame, and what is told of them.

    `after` is empty as long as there is none. `size` is the picture's own width and height in
    pixels; it gives the frame its shape. `strength` in [0, 1] lets `before` shine through: the
    mixture that `PIL.Image.blend` computes. `identity` names the pair: while it stays the same, the
    handle stays where it is. `more` is what else the component's header holds.
    """
    header = {
        "id": identity,
        "type": "image/jpeg",
        "width": size[0],
        "height": size[1],
        "strength": strength,
        "sizes": [len(before), len(after)],
        "labels": ["Before", "After" if after else ""],
        "description": description,
        **more,
    }
    return pack(header, [before, after])
