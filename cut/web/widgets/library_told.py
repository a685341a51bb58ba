"""What the Library page says once: that something was done, or why it could not be."""

import logging
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from cut.errors import CutError
from cut.files import reason
from cut.web.widgets.arrival import arrival
from cut.web.widgets.plain import sentence

Result = TypeVar("Result")

log = logging.getLogger(__name__)

_TOLD = "cut_library_told"


def tell_next(*lines: str) -> None:
    """Say `lines`, which `plain` made safe, when the page is drawn next."""
    st.session_state[_TOLD] = lines


def tell_now() -> None:
    """Draw what there was to say; no other run of the page says it again."""
    with arrival(_TOLD) as lines:
        if lines:
            st.success("  \n".join(lines))


def tell_unread(name: str, error: CutError | OSError) -> None:
    """Say in one line why the files of the model `name` cannot be read."""
    if isinstance(error, OSError):  # removed in this moment, say
        error = CutError(f"the files of {name} cannot be read: {reason(error)}")
    st.error(sentence(str(error)))


def attempt(
    act: Callable[[], Result], what: str, say: Callable[[str], object] = st.error
) -> Result | None:
    """Return what `act` returns; where it cannot be done, `say` in one line why, and return None.

    `what` names it in that line if there is no better reason: "The import".
    """
    try:
        return act()
    except CutError as error:
        say(sentence(str(error)))
    except Exception:
        log.exception("on the page Library: %s", what)
        say(f"{what} failed unexpectedly; the server's log says why.")
    return None
