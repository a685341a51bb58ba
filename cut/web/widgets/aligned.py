"""A before/after slider beside others: border, zoom and place move in all of them at once."""

from typing import Literal

from cut.web.widgets.packing import register
from cut.web.widgets.pair import pack_pair

_component = register("aligned", "frame", "pair")

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
    """Show `after` over `before` under `name`; the arguments are those of `pack_pair`.

    `after` is empty as long as `state` is not `done`. Sliders of one `group` move as one.
    """
    data = pack_pair(
        before,
        after,
        identity=f"{identity} {state}",
        size=size,
        strength=strength,
        description=f"{description}, {name}",
        group=group,
        name=name,
        state=state,
    )
    _component(data=data, key=key)
