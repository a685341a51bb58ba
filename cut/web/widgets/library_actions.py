"""What can be done with a model of the library: take it along, call it otherwise, remove it."""

from functools import partial

import streamlit as st

from cut import library
from cut.checkpoints import Checkpoint
from cut.web import session
from cut.web.library.measuring import measure_in_line
from cut.web.library.picturing import make_samples
from cut.web.widgets.library_cards import open_model
from cut.web.widgets.library_told import attempt, tell_next
from cut.web.widgets.plain import plain
from cut.web.widgets.running import wait_teller


def changes(checkpoint: Checkpoint, may_change: bool) -> bool:
    """Whether the model can be renamed and removed by a visitor who `may_change` models."""
    return may_change and not checkpoint.bundled


def rename(checkpoint: Checkpoint) -> None:
    """Draw how to call the model otherwise."""
    with (
        st.popover("Rename", key="library_rename"),
        st.form("library_rename_form", border=False),
    ):
        title = st.text_input("Title", value=checkpoint.title, max_chars=120)
        name = st.text_input("Name, for addresses and commands", checkpoint.name, max_chars=64)
        if st.form_submit_button("Rename"):
            _rename(checkpoint, name.strip(), title)


def remove(checkpoint: Checkpoint) -> None:
    """Draw how to remove the model, which asks first."""
    with st.popover("Remove", key="library_remove"):
        st.markdown(
            f"Delete {plain(checkpoint.name)}, its weights and its pictures? "
            "Nothing brings them back."
        )
        if st.button("Remove for good", key="library_remove_sure"):
            _remove(checkpoint)


def why_unchanged(checkpoint: Checkpoint, may_change: bool) -> str:
    """Return why the model can be neither renamed nor removed; empty if it can."""
    if checkpoint.bundled:
        return "It comes with the application: it keeps its name, and it stays."
    if not may_change:
        return "Only who sits at this server, or knows its password, renames and removes models."
    return ""


def measure(checkpoint: Checkpoint, measured: bool) -> None:
    """Draw the button that measures how long a picture takes here."""
    line = st.empty()
    if not st.button("Measure again" if measured else "Measure its speed", key="library_measure"):
        return
    with line.container():
        waiting = st.empty()
        with st.spinner("Translating a made picture a few times …", show_time=True):
            speed = attempt(
                partial(measure_in_line, checkpoint, wait_teller(waiting)), "The measurement"
            )
    if speed is not None:
        st.rerun()


def make_pictures(checkpoint: Checkpoint) -> None:
    """Draw the button that makes samples of the example pictures."""
    line = st.empty()
    if not st.button("Make pictures of the examples", key="library_picture"):
        return
    with line.container():
        waiting, bar = st.empty(), st.empty()

    def tell(done: int, total: int) -> None:
        bar.progress(done / total, text=f"{done} of {total} pictures")

    act = partial(make_samples, checkpoint, tell, wait_teller(waiting))
    if attempt(act, "The translation") is not None:
        st.rerun()


def _rename(checkpoint: Checkpoint, name: str, title: str) -> None:
    renamed = attempt(partial(library.rename, checkpoint.name, name, title), "Renaming")
    if renamed is None:
        return
    visitor = session.current()
    if visitor.checkpoint == checkpoint.name:
        visitor.checkpoint = renamed.name
    tell_next(f"It is now called {plain(renamed.title)}.")
    open_model(renamed.name)


def _remove(checkpoint: Checkpoint) -> None:
    def gone() -> bool:
        library.remove(checkpoint.name)
        return True

    if attempt(gone, "Removing"):
        tell_next(f"{plain(checkpoint.name)} was removed.")
        open_model(None)
