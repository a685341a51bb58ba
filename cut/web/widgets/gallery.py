"""Pictures to choose among: a grid of thumbnails, each a button for mouse, finger and keyboard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from cut.web.widgets.packing import pack, register

_component = register("gallery")


@dataclass(frozen=True)
class Item:
    """One picture of a gallery: what names it, what is read out, and a small JPEG file."""

    key: str
    title: str
    thumbnail: bytes


def gallery(
    label: str,
    items: Sequence[Item],
    *,
    chosen: str | None,
    on_pick: Callable[[str], None],
    key: str,
) -> None:
    """Show `items`, the one whose key is `chosen` framed; a click calls `on_pick` with its key.

    `on_pick` is called before the page runs again, as Streamlit's callbacks are.
    """
    header = {
        "label": label,
        "type": "image/jpeg",
        "chosen": chosen,
        "items": [
            {"key": item.key, "title": item.title, "size": len(item.thumbnail)} for item in items
        ],
    }

    def picked() -> None:
        choice = st.session_state[key].picked
        if choice in {item.key for item in items}:
            on_pick(choice)

    data = pack(header, [item.thumbnail for item in items])
    _component(data=data, key=key, on_picked_change=picked)
