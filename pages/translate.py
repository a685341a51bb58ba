"""Translate: bring a picture, see it before and after, take the translation home."""

import streamlit as st

from cut.checkpoints import Checkpoint, available
from cut.errors import CutError
from cut.web import patch_ahead, patch_session
from cut.web.session import Session, current
from cut.web.translating import Desk, placement
from cut.web.widgets.card import card
from cut.web.widgets.choosing import (
    NO_CHECKPOINT,
    choose_checkpoint,
    complain,
    follow_links,
    write_links,
)
from cut.web.widgets.comparing import (
    choose_compared,
    follow_compared,
    offer_comparison,
    write_compared,
)
from cut.web.widgets.intake import intake, suiting
from cut.web.widgets.plain import plain
from cut.web.widgets.side_by_side import side_by_side
from cut.web.widgets.stage import stage
from cut.web.widgets.starting import start_engine
from cut.web.working_size import CHOICES, Choice, label

INVITATION = "Drop in a picture: it is translated on this server and goes nowhere else."


def page() -> None:
    """Draw the page for one checkpoint, or for several side by side."""
    session = current()
    checkpoints = {checkpoint.name: checkpoint for checkpoint in available()}
    if not checkpoints:
        st.error(NO_CHECKPOINT)
        return
    errors = follow_links(session, checkpoints)
    follow_compared(session, checkpoints, errors)
    if session.compared is None:
        look_at_one(session, checkpoints)
    else:
        compare(session, checkpoints)


def look_at_one(session: Session, checkpoints: dict[str, Checkpoint]) -> None:
    """Draw one translation. The controls are read first, though they stand beside the picture."""
    heading = st.container()
    left, right = st.columns([7, 3], gap="large")
    with right:
        intake(session, suiting(session, checkpoints))
        checkpoint = choose_checkpoint(session, checkpoints)
        offer_comparison(session, list(checkpoints))
        card(checkpoint)
        choice = choose_size()
    with heading:
        st.title(plain(checkpoint.title), anchor=False)
        st.markdown(f"{plain(checkpoint.summary)} {INVITATION}")
    write_address(session)
    footnote = st.empty()
    with left:
        complain(session.complaints, session.offered)
        if session.source is None:
            st.info("Drop in a picture: its translation appears here.")
        else:
            try:
                stage(session, checkpoint, Desk(session, checkpoint, choice))
                patch_ahead.begin(session.source, checkpoint, patch_session.current().size)
            except CutError as error:
                st.error(plain(str(error)))
    footnote.caption(placement().describe())


def compare(session: Session, checkpoints: dict[str, Checkpoint]) -> None:
    """Draw several translations of one picture, over the page's whole width."""
    st.title("Compare", anchor=False)
    st.markdown(f"One picture through several checkpoints. {INVITATION}")
    choosing, switching = st.columns([3, 1], vertical_alignment="bottom")
    with choosing:
        chosen = choose_compared(session, checkpoints)
    with switching:
        offer_comparison(session, list(checkpoints))
    pictures = st.container()
    left, right = st.columns([7, 3], gap="large")
    with left:
        intake(session, suiting(session, checkpoints))
    with right:
        choice = choose_size()
    write_address(session)
    footnote = st.empty()
    with pictures:
        complain(session.complaints, session.offered)
        start_engine()
        if session.source is None:
            st.info("Drop in a picture: its translations appear here.")
        elif not chosen:
            st.info("Choose the checkpoints to compare.")
        else:
            side_by_side(session, chosen, choice)
    footnote.caption(placement().describe())  # last, since it asks PyTorch


def write_address(session: Session) -> None:
    """Let the address name what is looked at."""
    write_links(session, session.source.example if session.source and session.round else None)
    write_compared(session)


def choose_size() -> Choice:
    """Draw the choice of working size and return it."""
    with st.expander("Settings"):
        choice: Choice = st.selectbox(
            "Working size",
            CHOICES,
            format_func=label,
            key="working_size",
            persist_state="session",
            help="The short side at which the picture is translated, before it is scaled back to "
            "its own size. Larger keeps finer detail, and takes more time and memory; the model "
            "knows things at the size of its training pictures.",
        )
    return choice


page()
