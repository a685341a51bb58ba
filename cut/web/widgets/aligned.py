"""A before/after slider beside others: border, zoom and place move in all of them at once."""

from typing import Literal

from cut.web.widgets.packing import pack, register

_component = register("aligned", "frame")

State = Literal["waiting", "done", "failed"]


def aligned(
    name: str,
    before: bytes,
    after: bytes,
    *,
    state: State,
    identity: str,
    group: str,
    size: tuple[int, int],
    strength: float = 1.0,
    description: str = "",
    key: str,
) -> None:
    """Show `after` over `before`, two JPEG files that fill the same frame, under `name`.

    `after` is empty as long as `state` is not `done`. Sliders of one `group` move as one. `size`,
    `strength` and `identity` are as in `cut.web.widgets.compare`.
    """
    header = {
        "id": f"{identity} {state}",
        "group": group,
        "name": name,
        "state": state,
        "type": "image/jpeg",
        "width": size[0],
        "height": size[1],
        "strength": strength,
        "sizes": [len(before), len(after)],
        "labels": ["Before", "After"],
        "description": f"{description}, {name}",
    }
    _component(data=pack(header, [before, after]), key=key)
