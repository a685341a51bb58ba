"""The list of earlier jobs, each a link to its page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from cut.web.widgets.packing import register

_component = register("job_list", "kept_jobs")


@dataclass(frozen=True)
class Row:
    """One job of the list, in words; `picture` is an address relative to the server's."""

    id: str
    title: str
    state: str
    facts: str
    live: bool
    picture: str | None


def job_list(
    rows: Sequence[Row],
    on_pick: Callable[[str], None],
    known: Sequence[object] | None = None,
    key: str = "jobs",
) -> None:
    """Show `rows`; a click calls `on_pick` with the job's id before the page runs again.

    `known` is what `ids_kept` returned, where the browser is to tell which jobs it keeps.
    """

    def picked() -> None:
        choice = st.session_state[key].picked
        if choice in {row.id for row in rows}:
            on_pick(choice)

    _component(
        data={"jobs": [vars(row) for row in rows], "known": known},
        key=key,
        on_picked_change=picked,
        on_known_change=lambda: None,
    )


def ids_kept(key: str = "jobs") -> list[object]:
    """Return what the browser says that it keeps: ids, if it is honest."""
    told = getattr(st.session_state.get(key), "known", None)
    return told if isinstance(told, list) else []
