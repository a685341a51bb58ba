"""What the pages about a picture have in common: checkpoint and example from the address, chosen,
written back; and complaints."""

import streamlit as st

from cut.checkpoints import Checkpoint, first_of
from cut.errors import CutError
from cut.web.session import Session
from cut.web.widgets.intake import example_source
from cut.web.widgets.plain import plain

NO_CHECKPOINT = (
    "There is no checkpoint yet: train one on the page Train, or bring a published one on the page "
    "Library."
)


def follow_links(session: Session, checkpoints: dict[str, Checkpoint]) -> list[CutError]:
    """Take over the checkpoint and the example that the address names, if they are new there.

    What is unknown is complained of, and returned.
    """
    errors: list[CutError] = []
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
                if "compare" not in st.query_params:
                    session.compared = None  # a link to one checkpoint shows that one
            else:
                known = ", ".join(checkpoints)
                raise CutError(f"There is no checkpoint {value[:80]!r}; choose one of: {known}.")
        except CutError as error:
            errors.append(error)
    if errors:
        session.complain(*errors)
    return errors


def write_links(session: Session, example: str | None) -> None:
    """Let the address name the checkpoint and the `example` that is looked at, if any.

    The page's own choice goes without saying: a name in the address would be one more page, and
    the first Back would lead to the same one again.
    """
    said = example or "checkpoint" in st.query_params or session.checkpoint != session.unasked
    write_link(session, "checkpoint", session.checkpoint if said else None)
    write_link(session, "example", example)


def write_link(session: Session, name: str, value: str | None) -> None:
    """Let the address say `value` under `name`, or nothing; `session` knows that we wrote it."""
    if value:
        session.links[name] = value
        if st.query_params.get(name) != value:
            st.query_params[name] = value
    else:
        session.links.pop(name, None)
        if name in st.query_params:
            del st.query_params[name]


def choose_checkpoint(
    session: Session, checkpoints: dict[str, Checkpoint], key: str = "checkpoint_choice"
) -> Checkpoint:
    """Draw the choice of checkpoint and return the one chosen."""
    if session.checkpoint not in checkpoints:
        first = first_of(checkpoints.values())
        session.checkpoint = session.unasked = first.name if first else None
    # The session's choice leads: it may have come from the address or from another page.
    st.session_state[key] = session.checkpoint
    session.checkpoint = st.selectbox(
        "Checkpoint",
        list(checkpoints),
        key=key,
        on_change=lambda: setattr(session, "checkpoint", st.session_state[key]),
    )
    return checkpoints[session.checkpoint]


def complain(complaints: list[str], offered: int = 1) -> None:
    """Say what was wrong with the `offered` things that were brought, a line each."""
    lines = [plain(line) for line in complaints]
    if not lines:
        return
    counted = f"Skipped {len(lines)} of {offered} files." if offered > 1 else ""
    if len(lines) > 1:
        lines = [f"- {line}" for line in lines]
    st.error("\n".join([counted, *lines]).strip())
