"""Which trainings the Train page lists to a visitor.

Whoever has the id of a job may stop it, rename it and delete it; so a list of ids is for those who
share the server: who sits at it, or knows its password. On a server that is open to a network
without one, visitors are listed the jobs that their own browser started or opened, and no others;
the browser keeps those ids, not the server. The API lists none to anyone (`cut.web.api_jobs`), the
command line lists all to who has the folder (`python -m cut jobs list`).
"""

from collections.abc import Sequence

import streamlit as st

from cut.jobs import Job, Jobs
from cut.web.access import settings_from_environment

MOST_KEPT = 100
"""Ids that a browser may name; it keeps no more of them."""


def shares_all() -> bool:
    """Whether the visitor whose page is running is listed every training of the server."""
    access = settings_from_environment()
    if access["password"]:
        return True
    # Behind a proxy, which has to be named, everyone seems to sit at this machine.
    return not access["hosts"] and st.context.ip_address is None


def of_ids(jobs: Jobs, ids: Sequence[object]) -> list[Job]:
    """The jobs of `ids`, which a browser sent, newest first; those that are gone are left out.

    Raises CutError if jobs cannot be read at all.
    """
    return jobs.list([id for id in ids[:MOST_KEPT] if isinstance(id, str)])
