"""Translate: bring a picture, see it before and after, take the translation home."""

import streamlit as st

from cut.checkpoints import Checkpoint, available
from cut.errors import CutError
from cut.web.session import Session, current
from cut.web.translating import Desk, placement
from cut.web.widgets.card import card
from cut.web.widgets.intake import example_source, intake
from cut.web.widgets.plain import plain
from cut.web.widgets.stage import stage
from cut.web.working_size import CHOICES, Choice, label

INVITATION = "Drop in a photo: it is translated on this server and goes nowhere else."


def page() -> None:
    """Draw the page. The controls are read first, though they stand beside the picture."""
    session = current()
    checkpoints = {checkpoint.name: checkpoint for checkpoint in available()}
    if not checkpoints:
        st.error(
            "There is no checkpoint yet: train one, or bring a published one with "
            "`python -m cut checkpoints import FILE --name NAME`."
        )
        return
    follow_address(session, checkpoints)
    heading = st.container()
    left, right = st.columns([7, 3], gap="large")
    with right:
        intake(session)
        checkpoint = choose_checkpoint(session, checkpoints)
        choice = choose_size()
    with heading:
        st.title(plain(checkpoint.title), anchor=False)
        st.markdown(f"{plain(checkpoint.summary)} {INVITATION}")
    st.caption(placement().describe())
    write_address(session)
    with left:
        complain(session)
        if session.source is None:
            st.info("Drop in a photo: its translation appears here.")
        else:
            try:
                stage(session, checkpoint, Desk(session, checkpoint, choice))
            except CutError as error:
                st.error(plain(str(error)))


def follow_address(session: Session, checkpoints: dict[str, Checkpoint]) -> None:
    """Take over the checkpoint and the example that the address names, if they are new there."""
    for name in ("checkpoint", "example"):
        value = st.query_params.get(name)
        if not value or value == session.links.get(name):
            continue
        session.links[name] = value
        try:
            if name == "example":
                session.take_one(example_source(value))
            elif value in checkpoints:
                session.checkpoint = value
            else:
                known = ", ".join(checkpoints)
                raise CutError(f"There is no checkpoint {value[:80]!r}; choose one of: {known}.")
        except CutError as error:
            session.complain(error)


def write_address(session: Session) -> None:
    """Let the address name what was chosen, so that it can be kept or sent to somebody."""
    picked = session.source.example if session.source and session.round else None
    for name, value in (("checkpoint", session.checkpoint), ("example", picked)):
        if value:
            session.links[name] = value
            if st.query_params.get(name) != value:
                st.query_params[name] = value
        else:
            session.links.pop(name, None)
            if name in st.query_params:
                del st.query_params[name]


def choose_checkpoint(session: Session, checkpoints: dict[str, Checkpoint]) -> Checkpoint:
    """Draw the choice of checkpoint and the card of the chosen one, which is returned."""
    if session.checkpoint not in checkpoints:
        bundled = [name for name, checkpoint in checkpoints.items() if checkpoint.bundled]
        session.checkpoint = (bundled or list(checkpoints))[0]
    # The session's choice leads: it may have come from the address or from another page.
    st.session_state["checkpoint_choice"] = session.checkpoint
    session.checkpoint = st.selectbox(
        "Checkpoint",
        list(checkpoints),
        key="checkpoint_choice",
        on_change=lambda: setattr(session, "checkpoint", st.session_state["checkpoint_choice"]),
    )
    checkpoint = checkpoints[session.checkpoint]
    card(checkpoint)
    return checkpoint


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


def complain(session: Session) -> None:
    """Say what was wrong with what was brought, a line each."""
    lines = [plain(line) for line in session.complaints]
    if not lines:
        return
    counted = f"Skipped {len(lines)} of {session.offered} files." if session.offered > 1 else ""
    if len(lines) > 1:
        lines = [f"- {line}" for line in lines]
    st.error("\n".join([counted, *lines]).strip())


page()
