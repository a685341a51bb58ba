"""The patch view: hover over a picture or its translation, and see what the features hold alike."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from cut.web.widgets.packing import register

_component = register("patch_view")


def patch_view(data: bytes, *, key: str, on_look: Callable[[Any], None] | None = None) -> None:
    """Draw a view packed by `cut.web.patch_view`, or hand one that is drawn what came later.

    `on_look` is called before the page runs again with what the browser now shows, unchecked: a
    dict of layer, show, negatives, apart, opacity and pins.
    """

    def changed() -> None:
        if on_look is not None:
            on_look(st.session_state[key].look)

    _component(data=data, key=key, on_look_change=changed)
