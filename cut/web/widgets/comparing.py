"""Which checkpoints stand side by side: from the address, chosen on the page, written back."""

from collections.abc import Mapping, Sequence

import streamlit as st

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.web.models import MAX_LOADED
from cut.web.session import Session
from cut.web.widgets.choosing import write_link

MOST = MAX_LOADED
"""How many checkpoints are compared at once: as many as stay in memory."""

_LINK = "compare"


def follow_compared(
    session: Session, checkpoints: Mapping[str, Checkpoint], errors: Sequence[CutError] = ()
) -> None:
    """Take over the checkpoints that the address names, if they are new there.

    What is unknown, or one too many, is complained of beside the `errors` that the address has
    else, and the others are compared.
    """
    value = ",".join(st.query_params.get_all(_LINK))  # said once, or once for each
    if value and value != session.links.get(_LINK):
        session.links[_LINK] = value
        named = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        found = [name for name in named if name in checkpoints]
        unknown = [name[:80] for name in named if name not in checkpoints]
        if unknown:
            session.complain(
                *errors,
                CutError(
                    f"There is no checkpoint {', '.join(map(repr, unknown[:MOST]))} to compare; "
                    f"choose among: {', '.join(checkpoints)}."
                ),
            )
        elif len(found) > MOST:
            session.complain(
                *errors,
                CutError(f"At most {MOST} checkpoints are compared; the first {MOST} are shown."),
            )
        _compare(session, found[:MOST] or None)
    if session.compared is not None:
        session.compared = [name for name in session.compared if name in checkpoints]


def write_compared(session: Session) -> None:
    """Let the address name the checkpoints that are compared."""
    write_link(session, _LINK, ",".join(session.compared or ()))


def offer_comparison(session: Session, names: Sequence[str]) -> None:
    """Draw the switch between one checkpoint and several; nothing if there is only one."""
    if len(names) < 2:
        return

    def switched() -> None:
        one = session.checkpoint or names[0]
        others = [name for name in names if name != one]
        _compare(session, [one, others[0]] if st.session_state["comparing"] else None)

    # The session's choice leads: it may have come from the address.
    st.session_state["comparing"] = session.compared is not None
    st.toggle("Compare checkpoints", key="comparing", on_change=switched)


def choose_compared(session: Session, checkpoints: Mapping[str, Checkpoint]) -> list[Checkpoint]:
    """Draw the choice of up to MOST checkpoints and return them in the order chosen."""

    def changed() -> None:
        _compare(session, st.session_state["compared"])

    st.session_state["compared"] = list(session.compared or ())
    st.multiselect(
        f"Checkpoints, up to {MOST}",
        list(checkpoints),
        key="compared",
        on_change=changed,
        max_selections=MOST,
        placeholder="Choose checkpoints",
    )
    return [checkpoints[name] for name in session.compared or ()]


def _compare(session: Session, names: Sequence[str] | None) -> None:
    """Compare `names`, or none any more; the first of them is the one that other pages look at."""
    session.compared = None if names is None else list(names)
    if names:
        session.checkpoint = names[0]
