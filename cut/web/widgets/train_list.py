"""The list of earlier training jobs below the start view."""

import streamlit as st

from cut.errors import CutError
from cut.jobs import Job, Jobs
from cut.web.job_files import folder_of
from cut.web.training import words
from cut.web.widgets.job_list import Row, job_list
from cut.web.widgets.plain import sentence

POLL_SECONDS = 5
MOST_ROWS = 50

_PICKED = "cut_job_picked"


def earlier_jobs(jobs: Jobs) -> None:
    """Draw the jobs, newest first; the list follows them while one of them is live."""
    st.subheader("Trainings", anchor=False)
    try:
        live = any(job.state.live for job in jobs.list())
    except CutError as error:
        st.warning(sentence(str(error)))
        return

    def watch() -> None:
        if picked := st.session_state.pop(_PICKED, None):
            st.query_params["job"] = picked
            st.rerun()
        _draw(jobs)

    st.fragment(watch, run_every=POLL_SECONDS if live else None)()


def _draw(jobs: Jobs) -> None:
    try:
        found = jobs.list()
        if any(job.state.live for job in found):
            jobs.ensure_worker()
        rows = [_row(jobs, job) for job in found[:MOST_ROWS]]
    except CutError as error:
        st.warning(sentence(str(error)))
        return
    if not rows:
        st.caption("None yet. What you train is kept here, on this server.")
        return
    job_list(rows, on_pick=lambda id: st.session_state.update({_PICKED: id}))
    if len(found) > MOST_ROWS:
        st.caption(f"And {len(found) - MOST_ROWS} older ones.")


def _row(jobs: Jobs, job: Job) -> Row:
    try:
        previews = jobs.previews(job.id)
    except CutError:  # deleted in this moment
        previews = []
    picture: str | None = None
    if previews:
        picture = f"{folder_of(job.id)}/{previews[-1].step}/thumbnail.jpg"
    elif job.method == "sincut":
        picture = f"{folder_of(job.id)}/source/thumbnail.jpg"
    step = f"{job.step:,} steps" if job.step else "no step yet"
    return Row(
        id=job.id,
        title=job.title,
        state=words.label(job.state),
        facts=f"{words.ago(job.created)}, {step}, {words.METHODS.get(job.method, job.method)}",
        live=job.state.live,
        picture=picture,
    )
