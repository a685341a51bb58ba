"""One model of the library, its card opened: all its pictures, its text, and what can be done."""

from typing import TYPE_CHECKING

import streamlit as st

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.library.speed import recall
from cut.library.store import sample_files
from cut.web.library import pictures, telling
from cut.web.model_card import shown_text
from cut.web.widgets import library_actions as actions
from cut.web.widgets.checkpoint_button import checkpoint_button
from cut.web.widgets.facts import fact_list
from cut.web.widgets.library_cards import open_model, use
from cut.web.widgets.library_export import export_view
from cut.web.widgets.library_told import tell_now, tell_unread
from cut.web.widgets.plain import plain, sentence

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def model_view(checkpoint: Checkpoint, may_change: bool) -> None:
    """Draw the opened card, and what can be done; to rename and remove it is for who `may_change`.

    A model whose files are damaged, or go while it is drawn, can still be removed.
    """
    try:
        checkpoint = telling.readable(checkpoint)
    except CutError as error:
        st.title(plain(checkpoint.name), anchor=False)
        st.error(sentence(str(error)))
        with _row():
            _back()
            if actions.changes(checkpoint, may_change):
                actions.remove(checkpoint)
        return
    try:
        _opened(checkpoint, may_change)
    except (CutError, OSError) as error:
        tell_unread(checkpoint.name, error)


def _opened(checkpoint: Checkpoint, may_change: bool) -> None:
    """Draw the card. Raises CutError or OSError, below the buttons, if the files cannot be read."""
    st.title(plain(checkpoint.title), anchor=False)
    if checkpoint.summary:
        st.markdown(plain(checkpoint.summary))
    tell_now()
    with _row():
        _back()
        use(checkpoint)
        checkpoint_button("Checkpoint (zip)", checkpoint, "library_take")
        if actions.changes(checkpoint, may_change):
            actions.rename(checkpoint)
            actions.remove(checkpoint)
    speed = recall(checkpoint)
    facts, text = telling.all_facts(checkpoint, speed), shown_text(checkpoint.card)
    # What is known of it stands first: on a phone the columns stand below each other. It is drawn
    # last: an export or a measurement holds up what follows.
    left, right = st.columns([4, 7], gap="large")
    with right:
        _pictures(checkpoint)
        if actions.changes(checkpoint, may_change) and not sample_files(checkpoint.folder):
            actions.make_pictures(checkpoint)
        if text:
            st.subheader("Model card", anchor=False)
            with st.container(key="library_text"):
                st.markdown(text, anchors=False)
    with left:
        fact_list(facts)
        actions.measure(checkpoint, speed is not None)
        export_view(checkpoint)
        why = actions.why_unchanged(checkpoint, may_change)
        if why:
            st.caption(why)


def _back() -> None:
    if st.button("All models", key="library_all"):
        open_model(None)


def _row() -> "DeltaGenerator":
    return st.container(horizontal=True, vertical_alignment="center", key="library_actions")


def _pictures(checkpoint: Checkpoint) -> None:
    shown = [(pictures.shows(path), pictures.sample(path)) for path in pictures.samples(checkpoint)]
    if not any(picture for _, picture in shown):
        st.caption("No pictures yet.")
        return
    with st.container(key="library_pictures"):
        for words, picture in shown:
            if picture:
                alt = f"{words}: before and after"
                st.image(picture, width="stretch", alt=alt, caption=plain(words))
