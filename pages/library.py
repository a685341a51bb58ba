"""Library: every model with its pictures, score and terms; take one in, give one out, use one."""

from pathlib import Path

import streamlit as st

import cut.web.widgets
from cut.checkpoints import Checkpoint, available
from cut.web import session
from cut.web.training.listing import shares_all
from cut.web.widgets.library_authors import authors_view, busy
from cut.web.widgets.library_cards import TRAIN, cards
from cut.web.widgets.library_import import import_view
from cut.web.widgets.library_model import model_view
from cut.web.widgets.library_told import tell_now
from cut.web.widgets.plain import plain

STYLE = Path(cut.web.widgets.__file__).with_name("library.css")


def page() -> None:
    """Draw the model that the address names, or all of them and the ways to bring more."""
    # A link from here says what to look at, even if the address there said so before.
    session.current().links.clear()
    st.html(STYLE)
    checkpoints, may_change = available(), shares_all()
    model = asked_for(checkpoints)
    if model is not None:
        model_view(model, may_change)
        return
    st.title("Library", anchor=False)
    st.markdown("Every model on this server: what it does, how well, and under which terms.")
    tell_now()
    if may_change:
        bring({checkpoint.name for checkpoint in checkpoints})
    else:
        st.caption("Only who sits at this server, or knows its password, adds models.")
    show(checkpoints)


def bring(taken: set[str]) -> None:
    """Draw the ways for a model into the library; `taken` are the names in use."""
    uploading, downloading = st.columns(2, gap="medium")
    with uploading, st.expander("Import a model"):
        import_view()
    with (
        downloading,
        st.expander("Download one of the authors'", expanded=busy()),
    ):
        authors_view(taken)


def show(checkpoints: list[Checkpoint]) -> None:
    """Draw a card for each model: those that were added here first, the newest on top."""
    mine = [checkpoint for checkpoint in checkpoints if not checkpoint.bundled]
    mine.sort(key=added_at, reverse=True)
    bundled = [checkpoint for checkpoint in checkpoints if checkpoint.bundled]
    if not checkpoints:
        st.info("There is no model yet: train one, or bring one as a file or from the authors.")
        st.page_link(TRAIN, label="Train one")
    for title, group in (("Added here", mine), ("Bundled with the application", bundled)):
        if group:
            st.subheader(title, anchor=False)
            cards(group)


def added_at(checkpoint: Checkpoint) -> float:
    """Return when the model was added, in seconds since the epoch; 0 if it was just removed."""
    try:
        return checkpoint.changed
    except OSError:
        return 0.0


def asked_for(checkpoints: list[Checkpoint]) -> Checkpoint | None:
    """Return the model that the address names; if there is none of that name, say so."""
    name = st.query_params.get("model")
    if not name:
        return None
    for checkpoint in checkpoints:
        if checkpoint.name == name:
            return checkpoint
    st.error(f"There is no model {plain(repr(name[:80]))}.")
    return None


page()
