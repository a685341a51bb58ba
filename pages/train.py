"""Train: bring a painting and a photo, watch one become the other, take the model along."""

from pathlib import Path

import streamlit as st

import cut.web.widgets
from cut.errors import CutError
from cut.jobs import Job, Jobs
from cut.web.training import draft
from cut.web.training.store import jobs
from cut.web.widgets.plain import sentence
from cut.web.widgets.train_job import job_view
from cut.web.widgets.train_list import earlier_jobs
from cut.web.widgets.train_result import left_with
from cut.web.widgets.train_start import start_view

STYLE = Path(cut.web.widgets.__file__).with_name("train.css")


def page() -> None:
    """Draw the job that the address names, or the way to a new one and the list of earlier ones."""
    st.html(STYLE)
    store = jobs()
    job = asked_for(store)
    if job is not None:
        job_view(store, job)
        return
    start_view(store, draft.current())
    earlier_jobs(store)


def asked_for(store: Jobs) -> Job | None:
    """Return the job of the address, or the one to which Back leads; if it is gone, say so."""
    id = st.query_params.get("job")
    if not id:
        id = left_with(st.query_params.get("checkpoint"))
        if not id:
            return None
        st.query_params.from_dict({"job": id})
    try:
        return store.get(id)
    except CutError as error:
        st.error(sentence(str(error)))
        return None


page()
