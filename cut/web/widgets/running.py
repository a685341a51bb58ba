"""A request that takes its time: how many are ahead, how far it is, and a button that ends it."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cut.errors import CutError
from cut.web.session import Source
from cut.web.translating import Desk
from cut.web.widgets.plain import plain


def wait_teller(line: DeltaGenerator) -> Callable[[int], None]:
    """Return what says on `line` how many requests are ahead of this one."""

    def tell(ahead: int) -> None:
        if ahead:
            line.caption(f"Waiting in line: {ahead} ahead.")
        else:
            line.empty()

    return tell


def show_progress(source: Source, desk: Desk, line: DeltaGenerator) -> Callable[[int, int], None]:
    """Return what draws a bar and the button Cancel on `line`, if `source` goes in bands.

    Every call lets Streamlit end this run of the page, and with it the translation: when Cancel is
    pressed, when anything else on the page is touched, and when the page is closed.
    """
    bar: DeltaGenerator | None = None

    def tell(done: int, total: int) -> None:
        nonlocal bar
        if total <= 1:
            return
        if bar is None:
            with line.container():
                left, right = st.columns([4, 1], vertical_alignment="center")
            bar = left.empty()
            right.button(
                "Cancel",
                on_click=desk.cancel,
                args=(source,),
                key=f"cancel-{desk.name(source)}",
                width="stretch",
            )
        bar.progress(done / total, text=f"A large picture, in bands: {done / total:.0%}")

    return tell


def tell_trouble(source: Source, desk: Desk, trouble: str) -> None:
    """Say why there is no translation of `source`; offer one that was cancelled again."""
    try:
        cancelled = desk.is_cancelled(source)
    except CutError:  # the weights are gone, as `trouble` says
        cancelled = False
    if not cancelled:
        st.error(trouble)
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.info(f"{plain(source.name)}: cancelled.")
    right.button(
        "Translate it",
        on_click=desk.resume,
        args=(source,),
        key=f"resume-{desk.name(source)}",
        width="stretch",
    )
