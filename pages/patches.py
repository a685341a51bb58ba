"""Patches: hover over a picture and its translation, and see what the model holds to be alike."""

import streamlit as st

from cut.checkpoints import Checkpoint, available
from cut.config import CutSettings
from cut.errors import CutError
from cut.patch_sizes import SIZES
from cut.web import patch_session
from cut.web.patch_session import PatchSession
from cut.web.session import Session, current
from cut.web.widgets.choosing import (
    NO_CHECKPOINT,
    choose_checkpoint,
    complain,
    follow_links,
    write_links,
)
from cut.web.widgets.intake import intake, suiting
from cut.web.widgets.patch_stage import Subject, stage
from cut.web.widgets.patch_words import formula, words
from cut.web.widgets.plain import plain

INVITATION = (
    "A good translation changes how a patch looks, and keeps what it is. "
    "Point at one to see which patches the model takes for the same."
)


def page() -> None:
    """Draw the page. The controls are read first, though they stand beside the view."""
    session, state = current(), patch_session.current()
    checkpoints = {checkpoint.name: checkpoint for checkpoint in available()}
    if not checkpoints:
        st.error(NO_CHECKPOINT)
        return
    follow_links(session, checkpoints)
    address = {name: st.query_params.get_all(name) for name in patch_session.NAMES}
    state.follow(address, SIZES, list(checkpoints))
    st.title("Patches", anchor=False)
    st.markdown(INVITATION)
    left, right = st.columns([7, 3], gap="large")
    with right:
        words()
        formula(CutSettings.temperature)
        intake(session, suiting(session, checkpoints))
        chosen = choose(session, state, checkpoints)
    state.meet(session.source.digest if session.source else None)
    with left:
        show(session, state, chosen)
    example = session.source.example if session.source else None
    write_links(session, example if session.round or state.look.pins else None)
    state.write(keeps_places=example is not None)


def choose(
    session: Session, state: PatchSession, checkpoints: dict[str, Checkpoint]
) -> list[Checkpoint]:
    """Draw the choices of checkpoints and working size; return the one or two checkpoints."""
    chosen = [choose_checkpoint(session, checkpoints, key="patches_checkpoint")]
    others = [name for name in checkpoints if name != session.checkpoint]
    if state.compare not in others:
        state.compare = None
    if others:
        st.session_state["patches_compare"] = state.compare
        state.compare = st.selectbox(
            "Compare with",
            others,
            index=None,
            placeholder="No second checkpoint",
            key="patches_compare",
            on_change=lambda: setattr(state, "compare", st.session_state["patches_compare"]),
        )
    if state.compare:
        chosen.append(checkpoints[state.compare])
    st.session_state["patches_size"] = state.size
    with st.expander("Settings"):
        state.size = st.selectbox(
            "Working size",
            SIZES,
            format_func=lambda size: f"{size} px",
            key="patches_size",
            on_change=lambda: setattr(state, "size", st.session_state["patches_size"]),
            help="The short side at which the picture is looked at. The grid has at most 64 x 64 "
            "places at any size; in a larger picture a patch covers less of it.",
        )
    return chosen


def show(session: Session, state: PatchSession, checkpoints: list[Checkpoint]) -> None:
    """Draw the view, or what stands in its way, as one line."""
    complain(session.complaints, session.offered)
    complaints = st.container()
    if session.source is None:
        st.info("Drop in a picture: its patches appear here.")
        return
    try:
        stage(Subject(session.source, checkpoints, state.size), state)
    except CutError as error:
        st.error(plain(str(error)))
    with complaints:
        complain(state.complaints)


page()
